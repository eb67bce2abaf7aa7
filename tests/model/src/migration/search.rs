//! The worlds within bounds as `stateright` walks through them.

use ia64save_codec::transfer::migration::Protocol;
use stateright::{Model, Property};

use super::bounds::Bounds;
use super::properties;
use super::world::{Action, World};

impl Model for Bounds {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self)]
    }

    fn actions(&self, state: &World, actions: &mut Vec<Action>) {
        state.actions(self, actions);
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut next = last.clone();
        next.happen(action, self);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::of(self.protocol == Protocol::Acknowledged)
    }
}
