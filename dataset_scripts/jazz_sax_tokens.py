"""The data set builder of the token corpus: encoded pairs in, rows of codes and labels out.

    from dataset_scripts.jazz_sax_tokens import JazzSaxTokens
    builder = JazzSaxTokens(source=token_source)
    builder.download_and_prepare()
    builder.as_dataset(split="train")

`saxsolo corpus tokenise` writes the same rows as Parquet shards with checksums, which
`load_dataset("user/jazz-sax-tokens")` reads; `datasets` no longer loads scripts from the Hub.
"""

from collections.abc import Iterator

import datasets

from saxsolo.corpus.tokens.score_rows import Row
from saxsolo.corpus.tokens.shards import TokenSource, features_of, split_clips, splits_of


class JazzSaxTokensConfig(datasets.BuilderConfig):
    """Builder config that carries the source."""

    def __init__(self, source: TokenSource | None = None, **kwargs):
        super().__init__(**kwargs)
        self.source = source


class JazzSaxTokens(datasets.GeneratorBasedBuilder):
    """Rows of codes and labels out of encoded pairs; splits as the manifest has them."""

    BUILDER_CONFIG_CLASS = JazzSaxTokensConfig
    VERSION = datasets.Version("1.0.0")

    def _info(self) -> datasets.DatasetInfo:
        return datasets.DatasetInfo(features=features_of(self.config.source))

    def _split_generators(self, dl_manager) -> list[datasets.SplitGenerator]:
        return [
            datasets.SplitGenerator(name=split, gen_kwargs={"split": split})
            for split in splits_of(self.config.source)
        ]

    def _generate_examples(self, split: str) -> Iterator[tuple[str, Row]]:
        for clip in split_clips(self.config.source, split):
            yield clip["id"], clip
