"""A page in the browser to look at runs and photos: what it shows, and the server that shows it to this machine."""
