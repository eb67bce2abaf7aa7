//! Looks at every state of a model, and says what it came to.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Debug;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::time::{Duration, Instant};

use stateright::{Checker as _, Expectation, HasDiscoveries, Model};

/// Steps of a path: what happened, and the state before it.
pub type Steps<M> = Vec<(<M as Model>::State, <M as Model>::Action)>;

/// What a search came to.
pub struct Checked<M: Model> {
    /// Different states.
    pub states: usize,
    /// Steps of the longest of the shortest paths to them.
    pub depth: usize,
    /// How long it took.
    pub time: Duration,
    /// Properties that do not hold, each with a shortest path to where it does not.
    pub violated: Vec<(&'static str, Steps<M>)>,
    /// What was to be seen and was not.
    pub unseen: Vec<&'static str>,
}

/// Looks at all states, breadth first, whatever is found on the way.
pub fn all<M>(model: M, threads: usize) -> Checked<M>
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
    search(model, threads, HasDiscoveries::All)
}

/// Looks for a state in which this property does not hold; with one thread, for one of those that are
/// reached in the fewest steps.
pub fn first<M>(model: M, property: &'static str) -> Option<Steps<M>>
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
    let wanted = HasDiscoveries::AnyOf([property].into());
    let checked = search(model, 1, wanted);
    let mut found = checked.violated.into_iter();
    found.find_map(|(name, steps)| (name == property).then_some(steps))
}

fn search<M>(model: M, threads: usize, until: HasDiscoveries) -> Checked<M>
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
    let begun = Instant::now();
    let properties = model.properties();
    let checker = model.checker().threads(threads).finish_when(until);
    let checker = checker.spawn_bfs().join();
    let mut violated = Vec::new();
    let mut unseen = Vec::new();
    for property in properties {
        let found = checker.discovery(property.name);
        match (property.expectation, found) {
            (Expectation::Sometimes, None) => unseen.push(property.name),
            (Expectation::Sometimes, Some(_)) | (_, None) => {}
            (_, Some(path)) => {
                let steps = path.into_vec().into_iter();
                let steps = steps.filter_map(|(state, action)| Some((state, action?)));
                violated.push((property.name, steps.collect()));
            }
        }
    }
    Checked {
        states: checker.unique_state_count(),
        depth: checker.max_depth(),
        time: begun.elapsed(),
        violated,
        unseen,
    }
}

/// A state as it is on the way of a search in depth.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Colour {
    OnTheWay,
    Done,
}

/// A state on the way, what leads on from it, and which of these is next.
struct Stop<M: Model> {
    state: M::State,
    print: u64,
    actions: Vec<M::Action>,
    next: usize,
}

/// More steps than any path takes that ends.
const LONGEST: usize = 2000;
/// Of a path that has no end, so much is shown.
const SHOWN: usize = 40;

/// Walks through all states in depth, shows each to `look`, and gives the first circle that it meets, or the
/// end of a path of more than `LONGEST` steps: a way on which nothing ever ends. `None` where every path
/// comes to an end.
pub fn circle<M>(model: &M, mut look: impl FnMut(&M::State)) -> Option<Steps<M>>
where
    M: Model,
    M::State: Hash,
    M::Action: Clone,
{
    let hasher = RandomState::new();
    let mut colours: HashMap<u64, Colour> = HashMap::new();
    let mut ahead = model.init_states();
    let mut way: Vec<Stop<M>> = Vec::new();
    loop {
        while let Some(state) = ahead.pop() {
            let print = hasher.hash_one(&state);
            match colours.entry(print) {
                Entry::Occupied(met) if *met.get() == Colour::OnTheWay => {
                    let begin = way.iter().position(|stop| stop.print == print);
                    return Some(steps(way, begin.unwrap_or(0)));
                }
                Entry::Occupied(_) => {}
                Entry::Vacant(new) => {
                    new.insert(Colour::OnTheWay);
                    look(&state);
                    let mut actions = Vec::new();
                    model.actions(&state, &mut actions);
                    let next = 0;
                    way.push(Stop {
                        state,
                        print,
                        actions,
                        next,
                    });
                }
            }
        }
        if way.len() > LONGEST {
            let begin = way.len() - SHOWN;
            return Some(steps(way, begin));
        }
        let stop = way.last_mut()?;
        if let Some(action) = stop.actions.get(stop.next).cloned() {
            stop.next += 1;
            ahead.extend(model.next_state(&stop.state, action));
        } else {
            colours.insert(stop.print, Colour::Done);
            way.pop();
        }
    }
}

/// What is done on a way from there on; the last stop has done nothing yet where it has just been reached.
fn steps<M: Model>(way: Vec<Stop<M>>, begin: usize) -> Steps<M> {
    let stops = way.into_iter().skip(begin);
    let done = stops.filter(|stop| stop.next > 0);
    done.map(|mut stop| (stop.state, stop.actions.swap_remove(stop.next - 1)))
        .collect()
}
