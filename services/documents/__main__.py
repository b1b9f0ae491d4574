"""The printing process: a document as JSON on standard input, its PDF on standard output."""

import sys
from pathlib import Path

import pylopdf_fonts_zh_cn
import typst


def main() -> None:
    """Print one document."""
    pdf = typst.compile(
        Path(__file__).with_name("official.typ"),
        font_paths=[pylopdf_fonts_zh_cn.serif_path().parent],
        ignore_system_fonts=True,
        sys_inputs={"document": sys.stdin.buffer.read().decode()},
    )
    sys.stdout.buffer.write(pdf)


if __name__ == "__main__":
    main()
