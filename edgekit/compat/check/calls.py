"""What is reported wherever it is used: dotted names, each with its rule and a word about it.

`()` says "what this returns": `threading.Timer().start` is that method of a Timer. A name that ends in
`.*` stands for all below it. The third part is a severity other than the rule's own.
"""

from __future__ import annotations

from edgekit.compat.check.rules import Severity

Entry = tuple[str, Severity | None]


def _table(*groups: tuple[str, Severity | None, str]) -> dict[str, Entry]:
    return {name: (rule, severity) for rule, severity, names in groups for name in names.split()}


_LOOPS = ("asyncio.get_running_loop()", "asyncio.get_event_loop()", "asyncio.new_event_loop()")


def _of_loop(
    rule: str, severity: Severity | None, methods: str
) -> tuple[str, Severity | None, str]:
    return rule, severity, " ".join(f"{loop}.{m}" for loop in _LOOPS for m in methods.split())


CALLS = _table(
    ("P001", None, """
        threading.Thread threading.Timer concurrent.futures.ThreadPoolExecutor
        concurrent.futures.thread.ThreadPoolExecutor multiprocessing.pool.ThreadPool
        multiprocessing.dummy.Pool logging.handlers.QueueListener _thread.start_new_thread
        socketserver.ThreadingTCPServer socketserver.ThreadingUDPServer
        http.server.ThreadingHTTPServer apscheduler.schedulers.background.BackgroundScheduler
        watchdog.observers.Observer anyio.from_thread.start_blocking_portal
        anyio.from_thread.BlockingPortalProvider
    """),
    ("P002", None, """
        anyio.to_thread.run_sync anyio.from_thread.run anyio.from_thread.run_sync anyio.open_file
        anyio.Path starlette.concurrency.run_in_threadpool starlette.concurrency.iterate_in_threadpool
        fastapi.concurrency.run_in_threadpool starlette.responses.FileResponse
        fastapi.responses.FileResponse starlette.staticfiles.StaticFiles fastapi.staticfiles.StaticFiles
        starlette.testclient.TestClient fastapi.testclient.TestClient aiofiles.open
        trio.to_thread.run_sync
    """),
    ("P003", None, "asyncio.to_thread asgiref.sync.sync_to_async"),
    _of_loop("P003", None, "run_in_executor set_default_executor"),
    ("P004", None, """
        multiprocessing.Process multiprocessing.Pool multiprocessing.pool.Pool multiprocessing.Manager
        multiprocessing.get_context().Process multiprocessing.get_context().Pool concurrent.futures.ProcessPoolExecutor
        concurrent.futures.process.ProcessPoolExecutor os.fork os.forkpty pty.fork
        multiprocessing.shared_memory.SharedMemory
    """),
    ("P005", None, """
        subprocess.run subprocess.Popen subprocess.call subprocess.check_call subprocess.check_output
        subprocess.getoutput subprocess.getstatusoutput os.popen os.system os.execv os.execve os.execvp
        os.execl os.execlp os.posix_spawn os.spawnl os.spawnv os.spawnvp os.startfile
        asyncio.create_subprocess_exec asyncio.create_subprocess_shell anyio.run_process
        anyio.open_process pty.spawn sh.*
    """),
    ("P006", None, """
        asyncio.open_connection asyncio.start_server asyncio.open_unix_connection
        asyncio.start_unix_server anyio.connect_tcp anyio.connect_unix anyio.create_tcp_listener
        anyio.create_unix_listener anyio.create_udp_socket anyio.create_connected_udp_socket
        aiosmtplib.send aiosmtplib.SMTP
    """),
    _of_loop("P006", None, """
        create_connection create_server create_datagram_endpoint create_unix_connection
        create_unix_server sock_recv sock_recv_into sock_sendall sock_connect sock_accept sock_sendfile
        add_reader add_writer connect_read_pipe connect_write_pipe start_tls getaddrinfo
        subprocess_exec subprocess_shell
    """),
    ("P006", "warning", """
        socket.socket socket.create_connection socket.create_server socket.getaddrinfo
        socket.gethostbyname smtplib.SMTP smtplib.SMTP_SSL imaplib.IMAP4 imaplib.IMAP4_SSL
        poplib.POP3 ftplib.FTP http.client.HTTPConnection http.client.HTTPSConnection
    """),
    ("P007", None, """
        asyncio.run asyncio.Runner anyio.run trio.run uvloop.run uvloop.install uvicorn.run
        uvicorn.Server uvicorn.main hypercorn.asyncio.serve hypercorn.run.run granian.Granian
        gunicorn.app.base.BaseApplication waitress.serve http.server.HTTPServer
        socketserver.TCPServer socketserver.UDPServer wsgiref.simple_server.make_server
        socket.socket().bind socket.socket().listen aiohttp.web.run_app flask.Flask().run
        quart.Quart().run socketserver.BaseServer().serve_forever
    """),
    _of_loop("P007", None, "run_until_complete run_forever"),
    ("P007", "warning", "asgiref.sync.async_to_sync nest_asyncio.apply"),
    ("P011", None, "time.sleep"),
    ("P014", None, "hashlib.pbkdf2_hmac hashlib.scrypt"),
    ("P016", None, """
        signal.alarm signal.setitimer signal.pause signal.sigwait signal.pthread_kill os.kill os.killpg
    """),
    _of_loop("P016", None, "add_signal_handler remove_signal_handler"),
    ("P016", "note", "signal.signal"),
    ("P017", None, """
        logging.FileHandler logging.handlers.RotatingFileHandler
        logging.handlers.TimedRotatingFileHandler logging.handlers.WatchedFileHandler
        pathlib.Path().write_text pathlib.Path().write_bytes pathlib.Path().mkdir pathlib.Path().touch
        pathlib.Path().unlink os.makedirs os.mkdir os.remove os.rename os.replace os.unlink
        shutil.copy shutil.copy2 shutil.copyfile shutil.copytree shutil.move shutil.rmtree
        shelve.open dbm.open sqlite3.connect
    """),
    ("P017", "note", """
        tempfile.NamedTemporaryFile tempfile.TemporaryFile tempfile.TemporaryDirectory
        tempfile.mkstemp tempfile.mkdtemp tempfile.SpooledTemporaryFile
    """),
    ("P019", None, "js.eval js.Function js.Function.new pyodide.code.run_js"),
    ("P025", None, """
        requests.get requests.post requests.put requests.patch requests.delete requests.head
        requests.options requests.request requests.Session requests.session httpx.get httpx.post
        httpx.put httpx.patch httpx.delete httpx.head httpx.options httpx.request httpx.stream
        httpx.Client urllib.request.urlopen urllib.request.urlretrieve urllib3.PoolManager
        urllib3.request
    """),
    ("P028", None, """
        os.cpu_count os.process_cpu_count multiprocessing.cpu_count os.getpid os.getppid os.uname
        socket.gethostname socket.getfqdn platform.node platform.uname platform.platform
        sys.setrecursionlimit os.getloadavg os.sched_getaffinity
    """),
)  # fmt: skip

# Like CALLS, but of what is read and not called.
VALUES = _table(("P028", None, "sys.maxsize"))

# At import only.
ENTROPY = _table(
    ("P008", None, """
        random.random random.randint random.randrange random.choice random.choices random.sample
        random.shuffle random.uniform random.getrandbits random.randbytes random.gauss random.triangular
        random.betavariate random.expovariate random.normalvariate random.lognormvariate
        random.gammavariate random.vonmisesvariate random.paretovariate random.weibullvariate
        random.SystemRandom().* secrets.SystemRandom().* secrets.token_bytes secrets.token_hex
        secrets.token_urlsafe secrets.choice secrets.randbelow secrets.randbits uuid.uuid1 uuid.uuid4
        uuid.uuid7 uuid.getnode os.urandom os.getrandom tempfile.mkstemp tempfile.mkdtemp
        tempfile.NamedTemporaryFile tempfile.TemporaryDirectory tempfile.mktemp email.utils.make_msgid
        numpy.random.* js.crypto.* js.Math.random cryptography.fernet.Fernet.generate_key
        ssl.RAND_bytes
    """),
)  # fmt: skip
# Without an argument they take their seed from the system.
SEEDED = frozenset({"random.Random", "random.seed"})

CLOCKS = _table(
    ("P009", None, """
        time.time time.time_ns time.monotonic time.monotonic_ns time.perf_counter time.perf_counter_ns
        time.process_time datetime.datetime.now datetime.datetime.utcnow datetime.datetime.today
        datetime.date.today js.Date.now js.Date.new js.performance.now django.utils.timezone.now
        pendulum.now arrow.now arrow.utcnow
    """),
)  # fmt: skip
# Without their last argument they take the time of now: the number that they need otherwise.
CLOCKS_WITHOUT = {
    "time.localtime": 1,
    "time.gmtime": 1,
    "time.ctime": 1,
    "time.asctime": 1,
    "time.strftime": 2,
}

WORK = _table(
    ("P010", None, """
        socket.create_connection urllib.request.urlopen urllib.request.urlretrieve requests.get
        requests.post requests.put requests.patch requests.delete requests.head requests.request
        httpx.get httpx.post httpx.put httpx.patch httpx.delete httpx.head httpx.request httpx.stream
        js.fetch js.caches.* workers.fetch workers.wait_until edgekit.fetch pyodide.http.pyfetch
        pyodide.http.open_url pyodide.ffi.run_sync socket.getaddrinfo socket.gethostbyname
        psycopg.connect psycopg2.connect pymysql.connect MySQLdb.connect pymongo.MongoClient
        smtplib.SMTP smtplib.SMTP_SSL workers.import_from_javascript().env
    """),
    ("P010", "warning", """
        httpx.Client httpx.AsyncClient requests.Session requests.session aiohttp.ClientSession
        redis.Redis redis.StrictRedis redis.asyncio.Redis redis.from_url redis.asyncio.from_url
        sqlalchemy.create_engine sqlalchemy.ext.asyncio.create_async_engine sqlmodel.create_engine
        motor.motor_asyncio.AsyncIOMotorClient boto3.client boto3.resource
        urllib3.PoolManager elasticsearch.Elasticsearch
    """),
)  # fmt: skip

# Packages whose randomness at import Workers' SDK puts right by patches of its own.
PATCHED = frozenset(
    """
    aiohttp fastapi langchain_openai langsmith litestar numpy opentelemetry pydantic pydantic_core
    """.split()  # noqa: SIM905
)


def find(table: dict[str, Entry], dotted: str) -> Entry | None:
    """The entry of a dotted name."""
    return table.get(dotted) or table.get(f"{dotted.rpartition('.')[0]}.*")
