"""A page in the browser to look at runs and photos: its contents, and the server that shows it to this machine."""
