"""Every link, picture and anchor inside the built pages leads somewhere.

    python docs/tools/check_links.py docs/_build/html

Addresses elsewhere are not visited: they need a network, and what is there is not ours to keep.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


LINKS = {"a": "href", "link": "href", "img": "src", "script": "src", "source": "src"}


class Page(HTMLParser):
    """The links of a page, and the anchors that it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the tag links to, and how it can be linked to."""
        found = dict(attrs)
        target = found.get(LINKS.get(tag, ""))
        if target:
            self.links.add(target)
        for part in (found.get("srcset") or "").split(","):
            self.links.update(part.split()[:1])
        self.anchors.update(name for key in ("id", "name") if (name := found.get(key)))


def broken(folder: Path) -> list[str]:
    """The links that lead nowhere, `page: link` each."""
    folder = folder.resolve()
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in folder.rglob("*.html")}
    wrong = []
    for path, page in pages.items():
        for link in sorted(page.links):
            address = urlsplit(link)
            if address.scheme or address.netloc:
                continue
            target = (path.parent / unquote(address.path)).resolve() if address.path else path
            anchor = unquote(address.fragment)
            here = target in pages and (not anchor or anchor in pages[target].anchors)
            if not here and (target in pages or not target.is_file()):
                wrong.append(f"{path.relative_to(folder)}: {link}")
    return wrong


def main(folder: str) -> int:
    """Print what is broken; 1 if anything is."""
    wrong = broken(Path(folder))
    print("\n".join(wrong) or "every link inside the pages leads somewhere")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
