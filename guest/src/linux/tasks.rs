//! Processes.

use std::fmt;

use super::{Error, Kernel};

/// How many processes are named where the one that was asked for is none of them.
const KNOWN: usize = 24;

/// What a process is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It runs, or could.
    Running,
    /// It waits, and a signal would wake it.
    Sleeping,
    /// It waits for something that will come.
    Waiting,
    /// A signal stopped it.
    Stopped,
    /// A debugger stopped it.
    Traced,
    /// It ended, and its parent was not told yet.
    Zombie,
    /// It ended.
    Dead,
    /// Any other state.
    Other(u64),
}

impl State {
    fn of(state: u64, exit: u64) -> Self {
        match (state, exit) {
            (_, 16) => State::Zombie,
            (_, 1..) => State::Dead,
            (0, 0) => State::Running,
            (1, 0) => State::Sleeping,
            (2, 0) => State::Waiting,
            (4, 0) => State::Stopped,
            (8, 0) => State::Traced,
            (64.., 0) if state & 64 != 0 && state < 128 => State::Dead,
            (other, 0) if other & 2 != 0 => State::Waiting,
            (other, 0) => State::Other(other),
        }
    }

    /// The letter that `ps` has for it.
    pub fn letter(self) -> char {
        match self {
            State::Running => 'R',
            State::Sleeping => 'S',
            State::Waiting => 'D',
            State::Stopped => 'T',
            State::Traced => 't',
            State::Zombie => 'Z',
            State::Dead => 'X',
            State::Other(_) => '?',
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Running => "running",
            State::Sleeping => "sleeping",
            State::Waiting => "waiting, not to be disturbed",
            State::Stopped => "stopped",
            State::Traced => "stopped by a debugger",
            State::Zombie => "ended, a zombie",
            State::Dead => "dead",
            State::Other(state) => return write!(f, "state {state:#x}"),
        })
    }
}

/// A process: the leader of its threads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its number.
    pub pid: u64,
    /// Its parent's.
    pub ppid: u64,
    /// Its command, of which the kernel keeps 15 characters.
    pub comm: String,
    /// What it is doing.
    pub state: State,
    /// It is a kernel thread: it has no address space of its own.
    pub kernel: bool,
    /// Guest physical address of its page directory.
    pub pgd: Option<u64>,
    /// Address of its `struct task_struct`.
    pub task: u64,
    /// Address of its `struct mm_struct`.
    pub mm: Option<u64>,
    /// Its saved stack pointer: where it waits, or waited last.
    pub ksp: Option<u64>,
}

/// All processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tasks {
    /// In the order of the kernel's list, `init_task` first.
    pub tasks: Vec<Task>,
    /// Why there may be more.
    pub broken: Option<String>,
}

impl Kernel<'_> {
    /// All processes, from `init_task` on.
    ///
    /// # Errors
    /// The kernel file lacks a symbol or member.
    pub fn tasks(&self) -> Result<Tasks, Error> {
        let first = self.address("init_task")?;
        let links = self.field("task_struct", "tasks")?;
        let reader = TaskReader::new(self)?;
        let walked = self.list(first.wrapping_add(links.offset))?;
        let mut tasks = Tasks {
            tasks: Vec::new(),
            broken: walked.broken,
        };
        let others = walked.links.iter();
        let others = others.map(|link| link.wrapping_sub(links.offset));
        for task in std::iter::once(first).chain(others) {
            match reader.read(task) {
                Ok(task) => tasks.tasks.push(task),
                Err(error) => {
                    tasks.broken.get_or_insert_with(|| error.to_string());
                }
            }
        }
        Ok(tasks)
    }

    /// The process at the address of its `struct task_struct`.
    ///
    /// # Errors
    /// The kernel file lacks a member, or memory does not have it.
    pub fn task_at(&self, task: u64) -> Result<Task, Error> {
        TaskReader::new(self)?.read(task)
    }

    /// The process of a number.
    ///
    /// # Errors
    /// There is none, or the list cannot be read.
    pub fn task(&self, pid: u64) -> Result<Task, Error> {
        let Tasks { tasks, broken } = self.tasks()?;
        if let Some(found) = tasks.iter().position(|task| task.pid == pid) {
            return Ok(tasks[found].clone());
        }
        let known = tasks.iter().take(KNOWN).map(|task| task.pid);
        Err(Error::NoProcess {
            pid,
            known: known.collect(),
            more: tasks.len().saturating_sub(KNOWN),
            broken,
        })
    }

    /// The guest physical address of a process's page directory.
    ///
    /// # Errors
    /// There is no such process, or it is a kernel thread.
    pub fn directory_of(&self, pid: u64) -> Result<u64, Error> {
        let task = self.task(pid)?;
        task.pgd.ok_or(Error::NoAddressSpace(pid))
    }
}

/// Where the members are that a process is described by.
struct TaskReader<'k, 'a> {
    kernel: &'k Kernel<'a>,
    pid: crate::program::Field,
    parent: crate::program::Field,
    tgid: Option<crate::program::Field>,
    comm: crate::program::Field,
    state: crate::program::Field,
    exit: Option<crate::program::Field>,
    mm: crate::program::Field,
    pgd: crate::program::Field,
    ksp: Option<crate::program::Field>,
}

impl<'k, 'a> TaskReader<'k, 'a> {
    fn new(kernel: &'k Kernel<'a>) -> Result<Self, Error> {
        let field = |path| kernel.field("task_struct", path);
        Ok(TaskReader {
            kernel,
            pid: field("pid")?,
            parent: field("real_parent").or_else(|_| field("parent"))?,
            tgid: field("tgid").ok(),
            comm: field("comm")?,
            state: field("state")?,
            exit: field("exit_state").ok(),
            mm: field("mm")?,
            pgd: kernel.field("mm_struct", "pgd")?,
            ksp: field("thread.ksp").ok(),
        })
    }

    fn read(&self, task: u64) -> Result<Task, Error> {
        let kernel = self.kernel;
        let read = |at: u64, field: &crate::program::Field, name: &str| {
            kernel.member(at, field, || format!("task_struct at {at:#x}, {name}"))
        };
        let mm = read(task, &self.mm, "mm")?;
        let pgd = if mm == 0 {
            None
        } else {
            let pgd = kernel.member(mm, &self.pgd, || format!("mm_struct at {mm:#x}, pgd"));
            pgd.ok().and_then(|pgd| kernel.memory.physical(pgd))
        };
        let number = |at, name: &str| match &self.tgid {
            Some(tgid) => read(at, tgid, name),
            None => read(at, &self.pid, name),
        };
        let parent = read(task, &self.parent, "real_parent")?;
        let exit = self.exit.as_ref();
        let exit = exit.map_or(Ok(0), |exit| read(task, exit, "exit_state"))?;
        let state = read(task, &self.state, "state")?;
        Ok(Task {
            pid: read(task, &self.pid, "pid")?,
            // A parent that cannot be read is no reason to lose the child.
            ppid: number(parent, "tgid").unwrap_or(0),
            comm: kernel.inline_text(task, &self.comm, || {
                format!("task_struct at {task:#x}, comm")
            })?,
            state: State::of(state, exit & 0xff),
            kernel: mm == 0,
            pgd,
            task,
            mm: (mm != 0).then_some(mm),
            ksp: match &self.ksp {
                Some(ksp) => read(task, ksp, "thread.ksp").ok(),
                None => None,
            },
        })
    }
}
