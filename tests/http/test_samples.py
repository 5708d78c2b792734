"""Every code sample of the documents, but for the host as written, gets what samples.toml says."""

import pytest
import samples
from samples import SAMPLES, Sample

ALL = samples.load()
REVOKING = [sample for sample in ALL if "-revoke" in sample.file and sample.filled]


def titled(sample: Sample) -> str:
    return sample.title


@pytest.fixture
def run(server, endurosat_client, tmp_path):
    def run(sample: Sample, text: str) -> str:
        return samples.run(sample, text, server, tmp_path / "curl")

    return run


@pytest.mark.parametrize("sample", ALL, ids=titled)
def test_a_sample_as_it_is_written_gets_what_is_listed(sample, server, run):
    assert run(sample, samples.source(sample, server)) == sample.as_written


@pytest.mark.parametrize("sample", [s for s in ALL if s.filled], ids=titled)
def test_a_sample_with_its_placeholders_filled_gets_what_is_listed(sample, server, run):
    tokens = samples.log_in(server, sample.document)
    text = samples.replaced(samples.source(sample, server), sample.mend)
    text = tokens.fill(samples.replaced(text, sample.fill))
    assert run(sample, text) == sample.filled


@pytest.mark.parametrize("sample", REVOKING, ids=titled)
def test_what_a_filled_sample_revokes_is_dead(sample, server, run):
    tokens = samples.log_in(server, sample.document)
    text = samples.replaced(samples.source(sample, server), sample.mend)
    run(sample, tokens.fill(samples.replaced(text, sample.fill)))
    assert not tokens.alive()


def test_a_sample_that_posts_to_the_wrong_place_revokes_nothing(server, run):
    [sample] = [sample for sample in ALL if sample.file == "003-revoke.py"]
    tokens = samples.log_in(server, sample.document)
    text = tokens.fill(samples.replaced(samples.source(sample, server), sample.fill))
    assert run(sample, text) == sample.as_written
    assert tokens.alive()


def test_every_file_of_a_sample_is_listed():
    kept = {file.name for file in SAMPLES.iterdir() if file.suffix in {".py", ".sh", ".json"}}
    assert kept == {sample.file for sample in ALL}
