"""Empty objects that consoles of stores make for folders are neither photos nor passed over."""

from __future__ import annotations

from stylize import images
from stylize.io.location import locate
from stylize.tasks import listing
from stylize.tasks.left_out import LeftOut
from tests.support.s3 import bucket
from tests.support.samples import picture


def test_a_folder_that_is_called_like_a_photo_is_none() -> None:
    with bucket() as s3:
        for marker in ("p/looks.jpg/", "p/day/", "p/"):
            s3.put(marker, b"")
        s3.put("p/day/a.jpg", images.encode(picture(1), "jpg", 90))
        s3.put("p/empty.jpg", b"")  # a photo that is broken, which its row will say
        left_out = LeftOut()
        found = [one.uri for one in listing.files_in(locate("s3://pictures/p"), left_out=left_out)]
    assert found == ["s3://pictures/p/day/a.jpg", "s3://pictures/p/empty.jpg"]
    assert left_out.total == 0
