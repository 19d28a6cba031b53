"""Colours and fonts of the page. The fonts are those of the visitor's own machine."""

import gradio as gr


def page_theme() -> gr.themes.Base:
    """Gradio's soft theme in an orange that keeps white text legible."""
    theme = gr.themes.Soft(
        primary_hue="orange",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )
    return theme.set(
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_800",
        checkbox_label_background_fill_selected="*primary_700",
        checkbox_label_background_fill_selected_dark="*primary_700",
        block_label_text_color="*primary_800",
        block_title_text_color="*primary_800",
        body_background_fill="*neutral_100",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        input_border_width="1px",
        input_border_color="*neutral_300",
        button_secondary_background_fill="*neutral_200",
        button_secondary_background_fill_hover="*neutral_300",
        checkbox_label_background_fill="*neutral_200",
    )
