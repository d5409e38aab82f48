"""Static files under names that carry their content's hash, so browsers may keep them for ever."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFiles(CompressedManifestStaticFilesStorage):
    """Rewrites `import` paths in our ES modules too."""

    support_js_module_import_aggregation = True
    # A host's own template may name a file that is not there: a broken picture beats a 500.
    manifest_strict = False
