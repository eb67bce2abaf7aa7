//! Whatever is done through an agent has the results that it has without one.

use ia64save_codec::transfer::ports::{Errno, PageResult};
use ia64save_xen::Transport;
use ia64save_xen::agent::Options;
use ia64save_xen::transport::{Argument, Buffer, Direction, Hypercall, Layout, Link, Region};
use proptest::prelude::*;

use crate::bridge::Bridged;
use crate::memory::{DOMAIN, FRAMES, Memory, PAGE};

/// Something to do. Pages lie `gap` bytes apart, the first of them at `gap`.
#[derive(Clone, Debug)]
enum Step {
    Read {
        domain: u16,
        frames: Vec<u64>,
        gap: usize,
    },
    Write {
        domain: u16,
        frames: Vec<u64>,
        gap: usize,
        fill: u8,
    },
    Clear {
        frames: Vec<u64>,
    },
    Call {
        number: u64,
        buffers: Vec<(usize, Direction)>,
        links: Vec<(usize, usize, usize)>,
        arguments: [u64; 5],
        region: bool,
    },
    Region {
        offset: usize,
        length: usize,
    },
}

fn frames() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(0..FRAMES + 3, 0..40)
}

fn domain() -> impl Strategy<Value = u16> {
    prop_oneof![9 => Just(DOMAIN), 1 => Just(DOMAIN + 1)]
}

fn direction() -> impl Strategy<Value = Direction> {
    prop_oneof![
        Just(Direction::In),
        Just(Direction::Out),
        Just(Direction::InOut)
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let length = prop_oneof![0..40usize, 4000..4200usize, 0..30000usize];
    prop_oneof![
        (domain(), frames(), 0..40usize).prop_map(|(domain, frames, gap)| Step::Read {
            domain,
            frames,
            gap
        }),
        (domain(), frames(), 0..40usize, any::<u8>()).prop_map(|(domain, frames, gap, fill)| {
            Step::Write {
                domain,
                frames,
                gap,
                fill,
            }
        }),
        frames().prop_map(|frames| Step::Clear { frames }),
        (
            1..60u64,
            prop::collection::vec((length, direction()), 0..5),
            prop::collection::vec((0..5usize, 0..40usize, 0..5usize), 0..4),
            prop::array::uniform5(any::<u64>()),
            any::<bool>()
        )
            .prop_map(|(number, buffers, links, arguments, region)| Step::Call {
                number,
                buffers,
                links,
                arguments,
                region
            }),
        (0..3 * PAGE, 0..2 * PAGE).prop_map(|(offset, length)| Step::Region { offset, length }),
    ]
}

/// All that can be seen of a step.
type Seen = (Result<u64, Errno>, Vec<PageResult>, Vec<u8>);

fn run(transport: &mut dyn Transport, region: Region, step: &Step) -> Seen {
    let unit = |result: Result<(), Errno>| result.map(|()| 0);
    match step {
        Step::Read {
            domain,
            frames,
            gap,
        } => {
            let layout = Layout {
                at: *gap,
                stride: PAGE + gap,
            };
            let mut out = vec![0xee; gap + frames.len() * (PAGE + gap)];
            let mut results = vec![Ok(()); frames.len()];
            let result = transport.read_foreign(*domain, frames, &mut out, layout, &mut results);
            if result.is_err() {
                return (unit(result), Vec::new(), Vec::new());
            }
            for (index, result) in results.iter().enumerate() {
                if result.is_err() {
                    out[layout.page(index, PAGE).unwrap()].fill(0);
                }
            }
            (unit(result), results, out)
        }
        Step::Write {
            domain,
            frames,
            gap,
            fill,
        } => {
            let layout = Layout {
                at: *gap,
                stride: PAGE + gap,
            };
            let data: Vec<u8> = (0..gap + frames.len() * (PAGE + gap))
                .map(|at| fill.wrapping_add((at / 7) as u8))
                .collect();
            let mut results = vec![Ok(()); frames.len()];
            let result = transport.write_foreign(*domain, frames, &data, layout, &mut results);
            if result.is_err() {
                results.clear();
            }
            (unit(result), results, Vec::new())
        }
        Step::Clear { frames } => {
            let mut results = vec![Ok(()); frames.len()];
            let result = transport.clear_foreign(DOMAIN, frames, &mut results);
            (unit(result), results, Vec::new())
        }
        Step::Call {
            number,
            buffers,
            links,
            arguments,
            region: with_region,
        } => {
            let mut memory: Vec<(Vec<u8>, Direction)> = buffers
                .iter()
                .map(|(length, direction)| {
                    let fill = |at| match direction {
                        Direction::Out => 0,
                        _ => (at % 253) as u8,
                    };
                    ((0..*length).map(fill).collect(), *direction)
                })
                .collect();
            let mut kept: Vec<Link> = Vec::new();
            for (holder, offset, target) in links {
                let apart = kept
                    .iter()
                    .all(|other| other.holder != *holder || other.offset.abs_diff(*offset) >= 8);
                let fits = memory
                    .get(*holder)
                    .is_some_and(|(bytes, _)| offset + 8 <= bytes.len());
                if apart && fits && *target < memory.len() {
                    memory[*holder].0[*offset..offset + 8].fill(0);
                    kept.push(Link {
                        holder: *holder,
                        offset: *offset,
                        target: *target,
                    });
                }
            }
            let mut arguments = arguments.map(Argument::Value);
            if !memory.is_empty() {
                arguments[1] = Argument::Buffer(memory.len() - 1);
            }
            if *with_region {
                arguments[3] = Argument::Region(region);
            }
            let mut pointed: Vec<Buffer<'_>> = memory
                .iter_mut()
                .map(|(bytes, direction)| Buffer {
                    bytes,
                    direction: *direction,
                })
                .collect();
            let result = transport.hypercall(&mut Hypercall {
                number: *number,
                arguments,
                buffers: &mut pointed,
                links: &kept,
            });
            let out = if result.is_ok() {
                memory.into_iter().flat_map(|(bytes, _)| bytes).collect()
            } else {
                Vec::new() // nothing of it may be relied upon
            };
            (result, Vec::new(), out)
        }
        Step::Region { offset, length } => {
            let mut out = vec![0; *length];
            let result = transport.read_region(region, *offset, &mut out);
            if result.is_err() {
                out.clear();
            }
            (unit(result), Vec::new(), out)
        }
    }
}

/// Fills a region, so that it may be read.
fn fill(transport: &mut dyn Transport, region: Region) {
    let call = transport.hypercall(&mut Hypercall {
        number: 48,
        arguments: [
            Argument::Region(region),
            Argument::Value(0),
            Argument::Value(0),
            Argument::Value(0),
            Argument::Value(0),
        ],
        buffers: &mut [],
        links: &[],
    });
    assert_eq!(call, Ok(48));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn an_agent_changes_nothing(
        steps in prop::collection::vec(step(), 1..30),
        chunk in prop_oneof![Just(1usize), Just(3 * PAGE), Just(1 << 20)],
        window in prop_oneof![Just(1usize), Just(9 * PAGE), Just(8 << 20)],
    ) {
        let mut direct = Memory::default();
        let options = Options { chunk: chunk.max(700), window, ..Options::default() };
        let mut bridged = Bridged::start(Memory::default(), &options);
        let near = direct.reserve(3 * PAGE).unwrap();
        let far = bridged.agent.reserve(3 * PAGE).unwrap();
        fill(&mut direct, near);
        fill(&mut bridged.agent, far);
        for step in &steps {
            let expected = run(&mut direct, near, step);
            let found = run(&mut bridged.agent, far, step);
            prop_assert!(expected == found, "{step:?}: {:?} {:?}", expected.0, found.0);
            prop_assert_eq!(bridged.agent.failure(), None);
        }
        // What a connection held goes with it.
        let behind = bridged.end();
        prop_assert!(behind.regions.is_empty() && behind.mapped.is_empty());
        prop_assert!(behind.written == direct.written, "the domains differ");
    }
}

#[test]
fn many_pages_go_by_many_at_a_time() {
    let mut bridged = Bridged::start(Memory::default(), &Options::default());
    let frames: Vec<u64> = (0..5000).map(|index| 1 + index % 6).collect();
    let mut out = vec![0; frames.len() * PAGE];
    let mut results = vec![Ok(()); frames.len()];
    let layout = Layout::packed(PAGE);
    let read = bridged
        .agent
        .read_foreign(DOMAIN, &frames, &mut out, layout, &mut results);
    assert_eq!(read, Ok(()));
    for (page, frame) in out.chunks(PAGE).zip(&frames) {
        assert!(page.iter().all(|byte| u64::from(*byte) == *frame));
    }
    let _: Memory = bridged.end();
}

#[test]
fn what_is_not_there_is_refused_here_already() {
    let mut bridged = Bridged::start(Memory::default(), &Options::default());
    let agent = &mut bridged.agent;
    assert_eq!(agent.reserve(PAGE + 1), Err(Errno::EINVAL));
    assert_eq!(agent.release(Region(3)), Err(Errno::EINVAL));
    assert_eq!(
        agent.read_region(Region(1 << 40), 0, &mut []),
        Err(Errno::EINVAL)
    );
    let region = agent.reserve(PAGE).unwrap();
    // Nothing was put there yet: the agent knows, and does not touch it.
    assert_eq!(agent.read_region(region, 0, &mut [0]), Err(Errno::EFAULT));
    fill(agent, region);
    assert_eq!(
        agent.read_region(region, PAGE, &mut [0]),
        Err(Errno::EFAULT)
    );
    assert_eq!(agent.read_region(region, PAGE, &mut []), Ok(()));
    let mut large = vec![0; agent.geometry().buffer + 1];
    let mut call = |bytes: &mut [u8]| {
        agent.hypercall(&mut Hypercall {
            number: 1,
            arguments: [Argument::Value(0); 5],
            buffers: &mut [Buffer::in_out(bytes)],
            links: &[],
        })
    };
    assert_eq!(call(&mut large), Err(Errno::E2BIG));
    large.pop();
    assert_eq!(call(&mut large), Ok(1));
    assert_eq!(agent.failure(), None);
    let _: Memory = bridged.end();
}
