"""The crawler's own process: ``python -m oceanclean.vision.spider FOLDER`` with ``job.json`` in the folder."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import scrapy
from scrapy.crawler import CrawlerProcess
from scrapy.http import Response, TextResponse

from oceanclean.store import read_json
from oceanclean.vision.photos.pictures import SUFFIXES


class PhotoSpider(scrapy.Spider):
    """Follows the links of permitted pages and saves the photos that they show or link to."""

    name = "photos"

    def __init__(self, folder: Path, job: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.folder, self.site, self.left = folder, job["site"], int(job["limit"])
        # Redirects to other hosts are dropped by Scrapy itself.
        self.allowed_domains = sorted({str(h).rpartition(":")[0] or str(h) for h in self.site["hosts"]})

    async def start(self) -> AsyncIterator[scrapy.Request]:
        """Requests for the first pages."""
        for url in self.site["start"]:
            yield scrapy.Request(url, callback=self.parse)

    def parse(self, response: Response, **_: Any) -> Iterator[scrapy.Request]:
        """Requests for the photos and the permitted links of a page."""
        if not isinstance(response, TextResponse):
            return
        for address in response.css("img::attr(src), a::attr(href)").getall():
            url = response.urljoin(address)
            if not self._permitted(url):
                continue
            if urlsplit(url).path.lower().endswith(SUFFIXES):
                yield scrapy.Request(url, callback=self.save, cb_kwargs={"page": response.url})
            elif urlsplit(url).path.startswith(self.site["path"]):
                yield scrapy.Request(url, callback=self.parse)

    def save(self, response: Response, page: str) -> None:
        """Write a photo as it came and a line that says where from."""
        if self.left <= 0:
            raise scrapy.exceptions.CloseSpider("limit")
        self.left -= 1
        file = f"{hashlib.sha256(response.url.encode()).hexdigest()[:16]}.raw"
        (self.folder / file).write_bytes(response.body)
        record = {"file": file, "page": page, "source": response.url,
                  "retrieved_at": datetime.now(UTC).isoformat(timespec="seconds")}  # fmt: skip
        with (self.folder / "items.jsonl").open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(record) + "\n")

    def _permitted(self, url: str) -> bool:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and parts.netloc in self.site["hosts"]


def main(folder: Path) -> None:
    """Run the spider to its end."""
    job = read_json(folder / "job.json")
    site = job["site"]
    process = CrawlerProcess({
        "ROBOTSTXT_OBEY": True, "DOWNLOAD_DELAY": site["delay_s"], "CONCURRENT_REQUESTS_PER_DOMAIN": 1,
        "DOWNLOAD_MAXSIZE": site["max_bytes"], "USER_AGENT": f"oceanclean (+{site['contact']})", "LOG_LEVEL": "ERROR",
        "ROBOTSTXT_USER_AGENT": "oceanclean", "DEPTH_LIMIT": 5, "COOKIES_ENABLED": False,
        "TELNETCONSOLE_ENABLED": False, "HTTPERROR_ALLOW_ALL": False, "REDIRECT_MAX_TIMES": 3,
    })  # fmt: skip
    process.crawl(PhotoSpider, folder=folder, job=job)
    process.start()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
