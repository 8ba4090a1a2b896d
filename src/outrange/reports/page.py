"""Renders sections as one HTML page: self-contained, without scripts, accessible, printable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from ..answers.range import Range
from ..answers.render.document import OPEN, Block, Document, Paragraph, Table, Word
from ..answers.render.html import chapter
from .figures import figure
from .plain.ranges import MOST_IN_VIEW, extremes
from .plain.reader import round_text
from .plain.words import UNKNOWN
from .section import Section, in_order
from .style import STYLE_SHEET
from .words import FOLDED, ISO_ABOUT, ISO_GROUPS, NOT_ASKED


OPEN_MEANS = (
    '"Open in part" means that time ran out before every question of the section was '
    "settled. Results marked as proved are valid."
)

HEAD = (
    '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<meta name="color-scheme" content="light dark"><title>{title}</title>'
    '<style>{style}</style></head>\n<body class="outrange report">'
    '<a class="skip" href="#content">Skip to the content</a>\n'
    "<header><h1>{title}</h1><p>{lead}</p></header>\n"
)


def report_html(title: str, lead: str, sections: Sequence[Section], standard: str | None) -> str:
    """Return the HTML page of a report.

    Args:
        title: Title of the page, its only `<h1>`.
        lead: Sentence below the title.
        sections: Sections in any order.
        standard: `ISO` to arrange the sections under the headings of ISO/IEC 24029-2; None to use
            the headings of the sections.
    """
    sections = in_order(sections)
    groups = _groups(sections, standard)
    parts = [HEAD.format(title=escape(title), lead=escape(lead), style=STYLE_SHEET)]
    parts.append('<main id="content">')
    parts.append(_section("overview", "At a glance", 2, _glance(sections)))
    parts.append(_contents(groups))
    for key, (heading, inside) in groups.items():
        number = list(groups).index(key) + 1
        if standard is None:
            parts.append(_part(inside[0], f"{number} {heading}", 2))
            continue
        about = f'<p class="about">{escape(ISO_ABOUT[heading])}</p>'
        body = "".join(
            _part(section, f"{number}.{i + 1} {section.title}", 3)
            for i, section in enumerate(inside)
        )
        body = body or "<p>This report has no section under this heading.</p>"
        parts.append(_section(key, f"{number} {heading}", 2, about + body))
    parts.append("</main>\n<footer><p>Made by outrange. This page loads nothing from elsewhere ")
    parts.append("and runs no code.</p></footer></body></html>\n")
    return "".join(parts)


def _groups(
    sections: Sequence[Section], standard: str | None
) -> Mapping[str, tuple[str, list[Section]]]:
    """Return a dict from the key of each heading to the heading and the sections below it."""
    if standard is None:
        return {section.key: (section.title, [section]) for section in sections}
    by_key = {section.key: section for section in sections}
    return {
        "iso-" + heading.lower().replace(" ", "-"): (
            heading,
            [by_key[key] for key in keys if key in by_key],
        )
        for heading, keys in ISO_GROUPS.items()
    }


def _contents(groups: Mapping[str, tuple[str, list[Section]]]) -> str:
    links = [("overview", "At a glance")]
    links += [(key, f"{i} {name}") for i, (key, (name, _)) in enumerate(groups.items(), 1)]
    items = "".join(f'<li><a href="#{key}">{escape(name)}</a></li>' for key, name in links)
    return f'<nav aria-labelledby="contents"><p id="contents">Contents</p><ol>{items}</ol></nav>\n'


def _glance(sections: Sequence[Section]) -> str:
    """Return the summary as HTML: results, and the extreme values of at most two outputs."""
    shown = _block(_overview(sections), "overview")
    for section in sections:
        answer = next(iter(section.answers), None)
        if _is_in_summary(section) and isinstance(answer, Range):
            blocks = extremes(answer, section.reader)
            shown += figure(answer, "glance", section.reader)
            shown += _block(Document("", "", blocks), section.title) if blocks else ""
    return shown


def _is_in_summary(section: Section) -> bool:
    """Return whether the summary shows the figure of a section and its extreme values."""
    first = next(iter(section.answers), None)
    return section.key == "ranges" and isinstance(first, Range) and first.lo.size <= MOST_IN_VIEW


def _overview(sections: Sequence[Section]) -> Document:
    """Return a table with one row per section that has an outcome.

    If a section is incomplete, the meaning of "open" and "unknown" is explained below the table.
    """
    rows = [
        (
            section.title,
            Word(_sentence(section.outcome), section.tone if section.tone != OPEN else ""),
            Word(_standing(section), OPEN if section.cut and not section.is_nearly_exact else ""),
        )
        for section in sections
        if section.outcome and section.outcome != NOT_ASKED
    ]
    blocks: list[Block] = [Table(("question", "answer", "state"), rows, "l")]
    if any(section.cut and not section.is_nearly_exact for section in sections):
        blocks.append(Paragraph(f"{OPEN_MEANS} {UNKNOWN}"))
    return Document("", "", blocks)


def _sentence(outcome: str) -> str:
    return outcome[:1].upper() + outcome[1:]


def _standing(section: Section) -> str:
    if not (section.answers or section.cut):
        return "-"
    if section.is_nearly_exact:
        return f"proved; at most {round_text(100 * section.gap, 1, True)} % too wide"
    return "open in part" if section.cut else "complete"


def _section(key: str, heading: str, level: int, body: str, kind: str = "") -> str:
    name = f"{key}-heading"
    of_kind = f' class="{kind}"' if kind else ""
    title = f'<h{level} id="{name}">{escape(heading)}</h{level}>'
    return f'<section id="{key}"{of_kind} aria-labelledby="{name}">{title}{body}</section>\n'


def _part(section: Section, heading: str, level: int) -> str:
    """Return a section as HTML: its subject, a note if it is incomplete, blocks, answers, figures.

    Args:
        section: The section.
        heading: Heading of the section, with its number.
        level: Level of the heading, 2 for `<h2>`.
    """
    about = f'<p class="about">{escape(section.about)}</p>'
    if section.cut and not section.is_nearly_exact:
        about += f'<p class="cut"><strong>Open in part.</strong> {escape(section.cut)}</p>'
    body = ""
    if section.blocks:
        body += _block(Document("", "", section.blocks), section.title)
    for i, (answer, shown) in enumerate(zip(section.answers, section.plain, strict=True)):
        text = _scrollable(chapter(shown, level + 1), section.title)
        in_summary = _is_in_summary(section)
        image = "" if in_summary else figure(answer, f"{section.key}{i}", section.reader)
        # For ranges the figure comes first: its title states what is proved.
        body += image + text if section.key == "ranges" else text + image
    if body and section.key in FOLDED and section.outcome != NOT_ASKED:
        result = _sentence(section.outcome) if section.outcome else "Show"
        body = f'<details class="part"><summary>{escape(result)}</summary>{body}</details>'
    return _section(section.key, heading, level, about + body, "" if section.answers else "brief")


def _block(document: Document, label: str) -> str:
    """Return an untitled document as HTML."""
    shown = chapter(document, 6)
    return _scrollable(shown.replace("<h6></h6>", ""), label)


def _scrollable(shown: str, label: str) -> str:
    """Wrap each table in HTML that lets a wide table scroll separately, including by keyboard."""
    opened = f'<div class="scroll" role="group" tabindex="0" aria-label="Table: {escape(label)}">'
    return shown.replace("<table", f"{opened}<table").replace("</table>", "</table></div>")
