"""The few pieces of HTML that a page is made of. Whatever comes in as text is escaped."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from neurohw.report.css import CSS
from neurohw.report.style import png

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def esc(text: object) -> str:
    """Text for HTML, quotes included; characters that HTML forbids become U+FFFD."""
    clean = "".join(
        c if c in "\n\t" or (ord(c) >= 32 and not 0x7F <= ord(c) < 0xA0 and not _surrogate(c))
        else "\N{REPLACEMENT CHARACTER}"
        for c in str(text)
    )  # fmt: skip
    return escape(clean, quote=True)


def _surrogate(c: str) -> bool:
    return 0xD800 <= ord(c) < 0xE000


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of plain text."""
    return f'<p class="{kind}">{esc(text)}</p>' if kind else f"<p>{esc(text)}</p>"


def bullets(lines: Iterable[str]) -> str:
    """A list of plain sentences; nothing if there are none."""
    items = "".join(f"<li>{esc(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""


def pre(text: str) -> str:
    """Text as it stands, in its own scrolling box."""
    return f'<pre tabindex="0"><code>{esc(text)}</code></pre>'


def table(
    head: Sequence[str], rows: Iterable[Sequence[object]], caption: str, *, text: int = 1
) -> str:
    """A table in a box of its own that scrolls; all but the first ``text`` columns are numbers."""

    def cell(k: int, value: object) -> str:
        tag, scope = ("th", ' scope="row"') if k == 0 else ("td", "")
        return f"<{tag}{scope}{' class=n' if k >= text else ''}>{esc(value)}</{tag}>"

    top = "".join(
        f'<th scope="col"{" class=n" if k >= text else ""}>{esc(h)}</th>'
        for k, h in enumerate(head)
    )
    body, last = [], None
    for row in rows:
        start = ' class="start"' if last is not None and row[0] != last else ""
        body.append(f"<tr{start}>{''.join(cell(k, v) for k, v in enumerate(row))}</tr>")
        last = row[0]
    return (
        f'<div class="box"><p class="caption">{esc(caption)}</p>'
        f'<div class="scroll" role="region" tabindex="0" aria-label="{esc(caption)}">'
        f"<table><thead><tr>{top}</tr></thead><tbody>{''.join(body)}</tbody></table></div></div>"
    )


def picture(figure: Figure, alt: str, caption: str = "") -> str:
    """A figure as an embedded PNG on a white card; ``alt`` says in words what it shows."""
    data, width, height = png(figure)
    note = f"<figcaption>{esc(caption)}</figcaption>" if caption else ""
    return (
        f'<figure><img width="{width}" height="{height}" alt="{esc(alt)}" '
        f'src="data:image/png;base64,{base64.b64encode(data).decode("ascii")}">{note}</figure>'
    )


def section(name: str, title: str, *parts: str) -> str:
    """A section with a heading that can be linked to; nothing if all parts are empty."""
    body = "\n".join(part for part in parts if part)
    return f'<section id="{name}">\n<h2>{esc(title)}</h2>\n{body}\n</section>' if body else ""


def document(title: str, header: str, sections: Sequence[tuple[str, str, str]]) -> str:
    """The whole page from (name, title, HTML) of each section, with links to them.

    The policy in the head lets a browser load nothing at all from elsewhere.
    """
    links = "".join(f'<a href="#{name}">{esc(text)}</a>' for name, text, body in sections if body)
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<link rel="icon" href="data:,">\n'
        f"<title>{esc(title)}</title>\n<style>\n{CSS}</style>\n</head>\n<body>\n"
        f'<header>\n{header}\n</header>\n<nav aria-label="Contents">{links}</nav>\n<main>\n'
        + "\n".join(body for _, _, body in sections if body)
        + "\n</main>\n</body>\n</html>\n"
    )
