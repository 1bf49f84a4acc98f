//! A way to a server that can be cut while the server runs on.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::Port;

/// Passes connections on to another port of this host. Ends with all of them when dropped.
#[derive(Debug)]
pub struct Proxy {
    port: Port,
    line: watch::Sender<Line>,
    accepting: JoinHandle<()>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Line {
    cut: bool,
    /// Connections with a lower number hang.
    frozen: u64,
    /// On connections with a lower number nothing comes back.
    muted: u64,
    /// How many connections there have been.
    connections: u64,
    /// How long each piece of an answer takes.
    delay: Duration,
}

impl Proxy {
    /// Listens on a port of its own for connections to this one.
    pub async fn to(port: u16) -> Self {
        let own = Port::claim();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, own.number())).await;
        let listener = listener.expect("the port has been claimed");
        let (line, _) = watch::channel(Line::default());
        let accepting = tokio::spawn(accept(listener, port, line.clone()));
        Self { port: own, line, accepting }
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        self.port.address()
    }

    /// Ends all connections; new ones end as soon as they are made.
    pub fn cut(&self) {
        self.line.send_modify(|line| line.cut = true);
    }

    /// From now on all connections, new ones as well, pass nothing on, in silence.
    pub fn stall(&self) {
        self.line.send_modify(|line| line.frozen = u64::MAX);
    }

    /// Lets new connections through again.
    pub fn mend(&self) {
        self.line.send_modify(|line| {
            line.cut = false;
            line.frozen = line.frozen.min(line.connections);
        });
    }

    /// From now on the connections that there are pass on what is asked, and no answers. New ones
    /// work.
    pub fn mute(&self) {
        self.line.send_modify(|line| line.muted = line.connections);
    }

    /// From now on the connections that there are pass nothing on, in silence. New ones work.
    pub fn freeze(&self) {
        self.line.send_modify(|line| line.frozen = line.connections);
    }

    /// From now on each piece of an answer takes so long.
    pub fn slow(&self, delay: Duration) {
        self.line.send_modify(|line| line.delay = delay);
    }

    /// How many connections there have been.
    pub fn connections(&self) -> u64 {
        self.line.borrow().connections
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn accept(listener: TcpListener, port: u16, line: watch::Sender<Line>) {
    loop {
        let Ok((near, _)) = listener.accept().await else { continue };
        let number = line.borrow().connections;
        line.send_modify(|line| line.connections += 1);
        tokio::spawn(pass(near, port, number, line.subscribe()));
    }
}

async fn pass(mut near: TcpStream, port: u16, number: u64, mut line: watch::Receiver<Line>) {
    if line.borrow().cut {
        return;
    }
    let Ok(mut far) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else { return };
    let (mut muting, pace) = (line.clone(), line.clone());
    let (mut near_reads, mut near_writes) = near.split();
    let (mut far_reads, mut far_writes) = far.split();
    let answers = async {
        let muted = tokio::select! {
            () = answer(&mut far_reads, &mut near_writes, &pace) => false,
            _ = muting.wait_for(|line| number < line.muted) => true,
        };
        if muted {
            std::future::pending::<()>().await;
        }
    };
    let both = async { tokio::join!(carry(&mut near_reads, &mut far_writes), answers) };
    tokio::select! {
        _ = both => return,
        _ = line.wait_for(|line| line.cut || number < line.frozen) => {}
    }
    // A frozen connection stays open on both sides.
    let _ = line.wait_for(|line| line.cut).await;
}

async fn carry(from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin)) {
    let _ = copy(from, to).await;
    let _ = to.shutdown().await;
}

async fn answer(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    line: &watch::Receiver<Line>,
) {
    let mut piece = vec![0; 1 << 14];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        let delay = line.borrow().delay;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if to.write_all(&piece[..length]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}
