"""The screens of the wizard. Only this folder knows Textual."""
