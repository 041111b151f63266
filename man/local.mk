# mdoc pages.
