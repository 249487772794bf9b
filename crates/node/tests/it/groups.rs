//! What an operator does, on two nodes.

use crate::stage::Stage;
use rgm::GroupState;

#[test]
fn a_group_is_brought_online_and_switched() {
    let stage = Stage::new(&["n1", "n2"]);
    stage.online("n1,n2", &[]);
    stage.await_masters(&["n1"]);
    stage.await_state("n2", "n1", GroupState::Online);
    stage.switch("n2");
    stage.await_state("n1", "n2", GroupState::Online);
    stage.await_state("n2", "n1", GroupState::Offline);
    stage.await_masters(&["n1", "n2"]);
    let events = stage.events();
    let of = |name: &str| events.iter().position(|e| e == name);
    assert!(of("stop n1 r") < of("start n2 r") && of("start n1 r") < of("stop n1 r"), "{events:?}");
    stage.end();
}
