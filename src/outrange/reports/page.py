"""Renders sections as one HTML page: self-contained, without scripts, accessible, printable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from ..answers.range import Range
from ..answers.render.html import chapter
from .blocks import blocks_html, with_scrollable_tables
from .figures import figure, images_figure
from .plain.ranges import MOST_IN_VIEW, extreme_images
from .section import Section, in_order
from .style import STYLE_SHEET
from .summary import summary_html
from .words import FOLDED, ISO_ABOUT, ISO_GROUPS, NOT_ASKED


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
    parts.append(_section("overview", "Summary", 2, summary_html(sections)))
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
    links = [("overview", "Summary")]
    links += [(key, f"{i} {name}") for i, (key, (name, _)) in enumerate(groups.items(), 1)]
    items = "".join(f'<li><a href="#{key}">{escape(name)}</a></li>' for key, name in links)
    return f'<nav aria-labelledby="contents"><p id="contents">Contents</p><ol>{items}</ol></nav>\n'


def _sentence(outcome: str) -> str:
    return outcome[:1].upper() + outcome[1:]


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
    if section.is_open:
        about += f'<p class="cut"><strong>Open in part.</strong> {escape(section.cut)}</p>'
    body = ""
    if section.blocks:
        body += blocks_html(section.blocks, section.title)
    for i, (answer, shown) in enumerate(zip(section.answers, section.plain, strict=True)):
        body += with_scrollable_tables(chapter(shown, level + 1), section.title)
        prefix = f"{section.key}{i}"
        if not isinstance(answer, Range):
            body += figure(answer, prefix, section.reader)
        elif answer.lo.size > MOST_IN_VIEW:  # The summary shows the other figures of ranges.
            body += images_figure(extreme_images(answer, section.reader, False), prefix)
    if body and section.key in FOLDED and section.outcome != NOT_ASKED:
        result = _sentence(section.outcome) if section.outcome else "Show"
        body = f'<details class="part"><summary>{escape(result)}</summary>{body}</details>'
    return _section(section.key, heading, level, about + body, "" if section.answers else "brief")
