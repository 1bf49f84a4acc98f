//! What the manifests have to keep.

mod certificates;
mod cluster;
mod data;
mod images;
mod ingress;
mod monitors;
mod network;
mod pods;
mod references;
mod rights;

use crate::world::World;

/// A rule: a line for each mistake.
pub(crate) type Rule = fn(&World) -> Vec<String>;

/// By their names.
pub(crate) const ALL: &[(&str, Rule)] = &[
    ("images are those of dockerfiles", images::exist),
    ("manifests are in the images", images::manifests),
    ("ports are those of the manifests", images::ports),
    ("users are those of the images", images::users),
    ("probes ask the agent", pods::probes),
    ("agents of one pod are told apart", pods::hosts),
    ("pods have longer to end than their daemons", pods::grace),
    ("files are written into volumes", pods::writable),
    ("no more privileges than needed", pods::privileges),
    ("pods say what they need", pods::resources),
    ("control and compute plane are apart", pods::planes),
    ("what is named is there", references::named),
    ("selectors select", references::selectors),
    ("everything has its budget", references::budgets),
    ("services have data", data::services),
    ("variables are there", data::variables),
    ("environments are in order", data::environments),
    ("no secret in clear", data::secrets),
    ("the compute plane knows no database", data::compute),
    ("public names lead to services", data::public),
    ("a user of etcd for each service", rights::users),
    ("rights that services need", rights::needed),
    ("root is for few", rights::root),
    ("ways are open that are needed", network::ways),
    ("compute nodes get where they need to", network::compute_nodes),
    ("nothing is open to all", network::closed),
    ("clusters know their members", cluster::members),
    ("files and consoles get through", ingress::limits),
    ("certificates are signed", certificates::signed),
    ("Prometheus asks what there is", monitors::asked),
];
