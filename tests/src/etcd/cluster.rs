//! Several members.

use super::{Etcd, Server};

/// An etcd of several members.
#[derive(Debug)]
pub struct Cluster {
    /// The members, in the order of [`url`](Self::url).
    pub members: Vec<Etcd>,
}

impl Cluster {
    /// Starts so many members and waits until each of them answers.
    pub async fn new(size: usize) -> Self {
        loop {
            let mut servers: Vec<_> =
                (0..size).map(|n| Server::new(&format!("member{n}"), None)).collect();
            let members: Vec<_> = servers.iter().map(Server::member).collect();
            for server in &mut servers {
                server.members = members.join(",");
            }
            let mut members: Vec<_> = servers.into_iter().map(Etcd::of).collect();
            members.iter_mut().for_each(Etcd::launch);
            if healthy(&members).await {
                return Self { members };
            }
        }
    }

    /// The store's URL, with the members in their order.
    pub fn url(&self) -> String {
        let addresses: Vec<_> = self.members.iter().map(Etcd::address).collect();
        format!("etcd://{}", addresses.join(","))
    }
}

async fn healthy(members: &[Etcd]) -> bool {
    for member in members {
        if !member.healthy().await {
            return false;
        }
    }
    true
}
