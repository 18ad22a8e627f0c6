"""How the site is made: ``make docs``."""

import os
import warnings

from sphinx_gallery.sorting import ExplicitOrder

import skbin

project = "skbin"
author = "The skbin founders"
copyright = "2026, the skbin founders. BSD-3-Clause"
version = release = skbin.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "sphinxext.opengraph",
]
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]
autosummary_generate = True
numpydoc_show_class_members = False
default_role = "literal"
autodoc_typehints = "none"
suppress_warnings = ["config.cache"]  # the order of the gallery is no plain value

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"plot_",
    "ignore_pattern": r"quickstart\.py|benchmarks",
    "within_subsection_order": ExplicitOrder(
        [
            "plot_one_honest_fit.py",
            "plot_rare_condition.py",
            "plot_abnormal_signal.py",
            "plot_spam_in_messages.py",
            "plot_honest_probabilities.py",
            "plot_which_output_layer.py",
        ]
    ),
    "reset_argv": lambda gallery_conf, script_vars: [],
    "download_all_examples": False,
    "show_memory": False,
    "plot_gallery": True,
    "abort_on_example_error": True,
}
warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive")

html_theme = "pydata_sphinx_theme"
html_title = f"skbin {release}"
html_favicon = "_static/icon.svg"
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": f"skbin {release}"},
    "navbar_align": "left",
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}

# What other sites show of a linked page. A card needs to know the address of the site.
ogp_site_url = os.environ.get("READTHEDOCS_CANONICAL_URL", "")
ogp_image = "_images/quickstart.png"
ogp_image_alt = "Precision, recall and F1 against the cutoff, with bands"
toc_object_entries_show_parents = "hide"
