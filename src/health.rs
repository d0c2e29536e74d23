//! `plimsoll health`: asks a running agent, so that an image without a shell can check itself.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use plimsoll::flags::{Health, Probe, Target};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

type Failure = Box<dyn Error + Send + Sync>;

/// Succeeds when the agent says `ok`.
pub(crate) fn ask(question: &Health) -> Result<(), Failure> {
    let probe = match question.told {
        true => question.probe.clone(),
        // in a container the agent is the first process and its flags tell where it listens
        false => std::fs::read("/proc/1/cmdline")
            .ok()
            .and_then(|cmdline| question.of_agent(&cmdline))
            .unwrap_or_else(|| question.probe.clone()),
    };
    let answer = match exchange(&probe) {
        // it answers those that show a certificate, and there is none here to show
        Err(error) if asks_for_certificate(&*error) => return Ok(()),
        answer => answer?,
    };
    let head = answer.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let status = String::from_utf8_lossy(head).trim().to_owned();
    if status.split(' ').nth(1) == Some("200") && answer.ends_with(b"ok") {
        Ok(())
    } else {
        Err(format!("the agent is not well: expected 200 and \"ok\", got {status:?}").into())
    }
}

/// Whether the agent ended the connection for want of a client's certificate (`-tls_client_ca_file`).
fn asks_for_certificate(error: &(dyn Error + Send + Sync + 'static)) -> bool {
    let tls = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    let alert = rustls::Error::AlertReceived(rustls::AlertDescription::CertificateRequired);
    tls.and_then(|tls| tls.downcast_ref::<rustls::Error>()).is_some_and(|error| *error == alert)
}

fn exchange(probe: &Probe) -> Result<Vec<u8>, Failure> {
    match &probe.target {
        Target::Unix(path) => {
            let socket = UnixStream::connect(path).map_err(|error| format!("{}: {error}", path.display()))?;
            socket.set_read_timeout(Some(probe.timeout))?;
            socket.set_write_timeout(Some(probe.timeout))?;
            talk(socket, probe)
        }
        Target::Tcp(host) => {
            let address = host.to_socket_addrs()?.next().ok_or_else(|| format!("{host} has no address"))?;
            let socket = TcpStream::connect_timeout(&address, probe.timeout)
                .map_err(|error| format!("{host}: {error}"))?;
            socket.set_read_timeout(Some(probe.timeout))?;
            socket.set_write_timeout(Some(probe.timeout))?;
            if probe.tls { talk(over(socket)?, probe) } else { talk(socket, probe) }
        }
    }
}

/// More than any answer of `/healthz` needs.
const MOST: u64 = 64 * 1024;

fn talk(mut socket: impl Read + Write, probe: &Probe) -> Result<Vec<u8>, Failure> {
    write!(socket, "GET {} HTTP/1.0\r\nHost: localhost\r\n\r\n", probe.path)?;
    socket.flush()?;
    let mut answer = Vec::new();
    match socket.take(MOST).read_to_end(&mut answer) {
        // a TLS peer that closes without saying so has still answered
        Err(error) if answer.is_empty() => Err(error.into()),
        _ => Ok(answer),
    }
}

/// TLS to the agent itself, whose certificate is for other names than localhost: it is not checked.
fn over(socket: TcpStream) -> Result<StreamOwned<ClientConnection, TcpStream>, Failure> {
    let config = plimsoll_client::Tls::unchecked().config()?;
    let name = ServerName::try_from("localhost")?;
    Ok(StreamOwned::new(ClientConnection::new(Arc::new(config), name)?, socket))
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use rustls::AlertDescription;

    use super::*;

    #[test]
    fn an_agent_that_asks_for_a_certificate_is_well() {
        let f = |alert| {
            let failure: Failure =
                Error::new(ErrorKind::InvalidData, rustls::Error::AlertReceived(alert)).into();
            asks_for_certificate(&*failure)
        };
        assert!(f(AlertDescription::CertificateRequired));
        assert!(!f(AlertDescription::HandshakeFailure));
        assert!(!asks_for_certificate(&*Failure::from(Error::from(ErrorKind::ConnectionRefused))));
    }
}
