"""One module per page: it gathers what the page shows and names its template."""
