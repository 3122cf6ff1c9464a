"""After a restore the payments of the lost tail are found again, and nobody is charged twice."""

from pathlib import Path

import pytest
from storm.drill import drill


@pytest.mark.timeout(300)
async def test_a_lost_tail_is_found_again_and_nobody_pays_twice(tmp_path: Path) -> None:
    said: list[str] = []
    seconds = await drill(tmp_path, 6, said.append)
    assert set(seconds) == {"backup", "restore", "found again", "repeated"}
    assert said[-1].startswith("18 payments, each paid once at the provider")
