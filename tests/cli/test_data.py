"""``data``: what was found, and a picture of it."""

from data_files import small_set, write_idx


def test_data_tells_what_was_found_and_saves_a_picture(cli, tmp_path):
    result = cli("data", "--preview")
    assert result.code == 0, result.err
    assert "found no file of it there" in result.out and "drawn by neurosim" in result.out
    assert (tmp_path / "results/digits.png").exists()


def test_data_of_ones_own_are_described_without_a_search(cli, tmp_path):
    folder = write_idx(tmp_path / "own", small_set(train=40, test=10, side=8))
    result = cli("data", "--data", str(folder))
    assert result.code == 0, result.err
    assert "searching for" not in result.out and "40 images of 8 x 8 pixels" in result.out
