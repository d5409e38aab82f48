"""Static files under names that carry their content's hash, so browsers may keep them for ever."""

from whitenoise.storage import CompressedManifestStaticFilesStorage

EXTENSION, IMPORTS = CompressedManifestStaticFilesStorage._js_module_import_aggregation_patterns


class HashedStaticFiles(CompressedManifestStaticFilesStorage):
    """Rewrites `import` paths in our ES modules too."""

    support_js_module_import_aggregation = True
    # Without the last one, `import("…")`: with us it names a type in a comment, and unlike modules
    # types may refer to each other in circles, which no naming by content can follow.
    _js_module_import_aggregation_patterns = (EXTENSION, IMPORTS[:-1])
    # A module's name depends on the names of those it imports: one pass for each step of depth.
    max_post_process_passes = 12
    # A host's own template may name a file that is not there: a broken picture beats a 500.
    manifest_strict = False
