//! The tail of a checkpoint, and what follows it.

use alloc::format;

use super::{Decoder, Event, Step};
use crate::code::Code;
use crate::detect::{self, Detection, Follow};
use crate::dialect::MagicPfn;
use crate::era::Era;
use crate::error::Error;
use crate::grammar::{self, Part, Shape, u64_at};
use crate::size;

impl Decoder {
    pub(super) fn tail<'a>(&mut self, input: &'a [u8], end: bool) -> Result<Step<'a>, Error> {
        let Some(detection) = &self.detection else {
            return Err(self.impossible());
        };
        let shape = Shape {
            dialect: detection.best(),
            guest: detection.guest,
        };
        let spec = shape.dialect.spec();
        let page_size = self.page_size;
        let vcpu = self.online.get(self.vcpu).copied().unwrap_or(0);
        match self.part {
            Part::Vcpumap => {
                let production = grammar::vcpumap(spec.vcpumap, &self.limits);
                self.produce(input, end, production, |this, map| {
                    this.online = map.online().collect();
                    this.vcpu = 0;
                    this.part = shape.after_vcpu(Part::Vcpumap, !this.online.is_empty());
                    Ok(Event::Vcpumap(map))
                })
            }
            Part::Context => {
                let layout = spec.context;
                self.produce(
                    input,
                    end,
                    grammar::section(layout.size()),
                    |this, bytes| {
                        let more = this.vcpu + 1 < this.online.len();
                        this.part = shape.after_vcpu(Part::Context, more);
                        if this.part != Part::Privregs {
                            this.vcpu += 1;
                        }
                        Ok(Event::Context {
                            vcpu,
                            layout,
                            bytes,
                        })
                    },
                )
            }
            Part::Privregs => {
                self.produce(input, end, grammar::section(page_size), |this, bytes| {
                    this.vcpu += 1;
                    this.part = shape.after_vcpu(Part::Privregs, this.vcpu < this.online.len());
                    Ok(Event::Privregs { vcpu, bytes })
                })
            }
            Part::SharedInfo => {
                self.produce(input, end, grammar::section(page_size), |this, bytes| {
                    this.part = shape.after_shared_info();
                    Ok(Event::SharedInfo(bytes))
                })
            }
            Part::MagicPfns => {
                let order = match self.magic_pfns(detection, input, end) {
                    Ok(order) => order,
                    Err(wanted) => return Ok(Step::NeedMore(wanted)),
                };
                self.produce(
                    input,
                    end,
                    grammar::magic_pfns(order.len()),
                    |this, bytes| {
                        this.part = Part::HvmContext;
                        Ok(Event::MagicPfns { order, bytes })
                    },
                )
            }
            _ => {
                let production = grammar::hvm_context(&self.limits);
                self.produce(input, end, production, |this, bytes| {
                    this.part = Part::Boundary;
                    Ok(Event::HvmContext(bytes))
                })
            }
        }
    }

    /// The order of the magic pfns: that of the era, where it was found out or given. Of a dialect that
    /// was given the eras may differ in it; the size of the HVM context, which follows, tells. `Err` holds
    /// the bytes that it takes; a stream has as many in any case.
    fn magic_pfns(
        &self,
        detection: &Detection,
        input: &[u8],
        end: bool,
    ) -> Result<&'static [MagicPfn], usize> {
        let usual = detection.best_era().magic_pfns();
        let orders = Era::of(detection.best()).map(Era::magic_pfns);
        let mut others = orders.filter(|order| *order != usual);
        let (Some(other), true, None) = (others.next(), detection.given, self.era) else {
            return Ok(usual);
        };
        let wanted = 8 * (1 + usual.len().min(other.len()));
        if input.len() < wanted && !end {
            return Err(wanted);
        }
        let vcpus = self.online.len() as u64;
        let is_size =
            u64_at(input, 8 * other.len()).is_some_and(|size| detect::is_hvm_size(vcpus, size));
        Ok(if is_size && other.len() < usual.len() {
            other
        } else {
            usual
        })
    }

    /// The end of a checkpoint is reported as soon as it is known; what follows is looked at next.
    pub(super) fn boundary<'a>(&mut self, input: &'a [u8], end: bool) -> Result<Step<'a>, Error> {
        if !self.reported {
            self.reported = true;
            let event = Event::CheckpointEnd {
                index: self.checkpoint,
            };
            return Ok(Step::Event {
                offset: self.offset,
                consumed: 0,
                event,
            });
        }
        let (Some(head), Some(detection)) = (&self.head, &self.detection) else {
            return Err(self.impossible());
        };
        let (dialect, order) = (detection.best(), self.byte_order);
        match detect::follows(head, dialect, &self.limits, order, input, end) {
            Err(wanted) => return Ok(Step::NeedMore(wanted)),
            Ok(Follow::End) => self.part = Part::End,
            Ok(Follow::Trailing) => self.part = Part::Trailing,
            Ok(Follow::Checkpoint) => self.next_checkpoint()?,
            Ok(Follow::DeviceModel(record)) => {
                let header = record.kind.header_size();
                let length = size::index(record.length.unwrap_or(0));
                let consumed = header.saturating_add(length);
                let Some(data) = input.get(header..consumed) else {
                    return Err(self.impossible());
                };
                self.next_checkpoint()?;
                return Ok(Step::Event {
                    offset: self.offset,
                    consumed,
                    event: Event::DeviceModel {
                        kind: record.kind,
                        order,
                        data,
                    },
                });
            }
        }
        self.step(input, end)
    }

    fn next_checkpoint(&mut self) -> Result<(), Error> {
        self.checkpoint += 1;
        self.reported = false;
        self.records_here = 0;
        self.part = Part::Pages;
        let limit = self.limits.checkpoints;
        if size::index(self.checkpoint) >= limit {
            return Err(Error::new(Code::LimitExceeded, self.offset, self.path())
                .expected(format!("at most {limit} checkpoints"))
                .found("one more"));
        }
        Ok(())
    }
}
