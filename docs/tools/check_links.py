"""Check every link, image and anchor inside the built pages.

    python docs/tools/check_links.py docs/_build/html

External addresses are not visited: they need a network.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


LINKS = {"a": "href", "link": "href", "img": "src", "script": "src", "source": "src"}


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record the links and the anchors of a tag."""
        pages = dict(attrs)
        target = pages.get(LINKS.get(tag, ""))
        if target:
            self.links.add(target)
        for part in (pages.get("srcset") or "").split(","):
            self.links.update(part.split()[:1])
        self.anchors.update(name for key in ("id", "name") if (name := pages.get(key)))


def broken(folder: Path) -> list[str]:
    """Return the broken links, each as `page: link`."""
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
    """Print the broken links; return 1 if there are any."""
    wrong = broken(Path(folder))
    print("\n".join(wrong) or "every link inside the pages leads somewhere")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
