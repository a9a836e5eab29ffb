"""Text on the page: escaping, number formats, labels, descriptions of choices and the glossary.

Static sentences of one panel stay in that panel.
"""
