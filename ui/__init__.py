"""What the pages share: controls, cached results, charts, widgets, sharing, navigation and each page's panels.

The pages themselves are in `pages`; computation is in `imprint_core`.
"""

import logging

# A server imports the app before its runtime exists. Streamlit then warns that caches are in memory, where they
# are in any case.
logging.getLogger("streamlit.runtime.caching.cache_data_api").addFilter(
    lambda record: "No runtime found" not in record.getMessage()
)
