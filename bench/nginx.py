"""nginx as a relay, the limit to compare with: `python -m bench.nginx PORT UPSTREAM`; it becomes nginx itself."""

import os
import sys
import tempfile
from pathlib import Path

_CONF = """
worker_processes 1;
daemon off;
error_log stderr;
pid {place}/nginx.pid;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path {place}; proxy_temp_path {place}; fastcgi_temp_path {place};
    uwsgi_temp_path {place}; scgi_temp_path {place};
    upstream model {{ server {upstream}; keepalive 1000; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location /readyz {{ return 200; }}
        location / {{
            proxy_pass http://model;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_request_buffering off;
        }}
    }}
}}
"""

if __name__ == "__main__":
    place = Path(tempfile.mkdtemp(prefix="daeri-bench-nginx-"))
    conf = place / "nginx.conf"
    conf.write_text(
        _CONF.format(place=place, port=sys.argv[1], upstream=sys.argv[2].removeprefix("http://")), encoding="utf-8"
    )
    os.execvp("nginx", ["nginx", "-p", str(place), "-c", str(conf)])  # noqa: S606, S607 - nginx of this machine
