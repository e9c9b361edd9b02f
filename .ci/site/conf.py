# Copyright (c) 2026, the tenbyte.webinar contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The settings of Sphinx for the documentation site, which ``scripts/site`` builds."""

from __future__ import annotations

from pathlib import Path

import yaml

_HERE = Path(__file__).resolve().parent
_GALAXY = yaml.safe_load((_HERE.parents[1] / "galaxy.yml").read_text(encoding="utf-8"))

project = f"{_GALAXY['namespace']}.{_GALAXY['name']}"
author = _GALAXY["authors"][0]
version = release = _GALAXY["version"]
html_title = f"{project} {version}"

extensions = ["myst_parser", "sphinx.ext.intersphinx", "sphinx_antsibull_ext", "sphinx_copybutton"]
# A reference that leads nowhere is a warning, and each warning ends the build.
nitpicky = True
# The pages of ansible-core that are referred to. Its inventory is in no package, and a build needs no network:
# scripts/site_source.py writes one of these pages alone.
intersphinx_mapping = {"ansible": ("https://docs.ansible.com/projects/ansible/latest/", "ansible.inv")}
suppress_warnings = [
    # Examples hold "…" where a value is left out, which no lexer of JSON or YAML takes.
    "misc.highlighting_failure",
]

# The anchors that GitHub makes, so that the same links work there and here.
myst_heading_anchors = 4
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
highlight_language = "YAML+Jinja"

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
html_use_index = False
html_use_smartypants = False
smartquotes = False
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True
