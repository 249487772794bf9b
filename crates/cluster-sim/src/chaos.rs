//! What goes wrong, when, and until when: drawn at the beginning, over at [`CALM`].
//!
//! Never goes on after the calm has come: what is not repaired then by the cluster itself is a failure of the cluster.

use crate::host::LEASE;
use crate::methods::self_name;
use crate::network::Cut;
use crate::world::{Event, World};
use rgm::node::Input;
use std::time::Duration;

/// From then on nothing goes wrong.
pub(crate) const CALM: Duration = Duration::from_secs(24);
/// Then the cluster must be at rest.
pub(crate) const REST: Duration = Duration::from_secs(90);

/// A trouble begins or ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trouble {
    KillDaemon(usize),
    CrashMachine(usize),
    /// SIGSTOP of the daemon, for so long.
    Pause(usize, Duration),
    Continue(usize, u64),
    Freeze(usize, Duration),
    Thaw(usize),
    Cut(usize, Cut, Duration),
    Mend(usize, u64),
    /// News come late.
    Lag(usize, Duration),
    Hurry(usize),
    BreakWatch(usize),
    StoreDown(Duration),
    Compact,
    Leave(usize),
    /// Somebody deletes its member key.
    Disown(usize),
    /// Somebody damages a value, and repairs it after that time.
    Damage(Duration),
    Repair,
}

impl World {
    /// Draws all troubles of the seed.
    pub(crate) fn draw_troubles(&mut self) {
        let many = self.dice.permille(400);
        let count = if many { 6 + self.dice.below(16) } else { self.dice.below(7) };
        for _ in 0..count {
            let at = self.dice.ms(1000, 21_000);
            let trouble = self.draw();
            self.at(at, Event::Trouble(trouble));
        }
        self.at(CALM, Event::Calm);
        self.at(CALM + Duration::from_secs(4), Event::Look);
    }

    fn draw(&mut self) -> Trouble {
        let h = self.dice.below(self.hosts.len());
        let time =
            if self.dice.permille(600) { self.dice.ms(50, 2500) } else { self.dice.ms(2500, 6000) };
        match self.dice.below(25) {
            0..=2 => Trouble::KillDaemon(h),
            3..=5 => Trouble::CrashMachine(h),
            6 | 7 => {
                let times = [1, 1, 2, 10][self.dice.below(4)];
                let time =
                    if self.dice.permille(300) { self.dice.ms(20, 1500) } else { LEASE * times };
                Trouble::Pause(h, time)
            }
            8..=10 => Trouble::Freeze(h, time),
            11 | 12 => Trouble::Cut(h, Cut::Both, time),
            13 => Trouble::Cut(h, Cut::Answers, time),
            14 => Trouble::Cut(h, Cut::Watch, time),
            15 => Trouble::Cut(h, Cut::Commits, time),
            16 => Trouble::Cut(h, Cut::Slow, time),
            17 => Trouble::Lag(h, self.dice.ms(50, 1500)),
            18 => Trouble::BreakWatch(h),
            19 => Trouble::StoreDown(time),
            20 => Trouble::Compact,
            21 => Trouble::Leave(h),
            22 => Trouble::Disown(h),
            _ => Trouble::Damage(time),
        }
    }

    pub(crate) fn make_trouble(&mut self, trouble: Trouble) {
        let is_end = matches!(
            trouble,
            Trouble::Continue(..)
                | Trouble::Thaw(_)
                | Trouble::Mend(..)
                | Trouble::Hurry(_)
                | Trouble::Repair
        );
        if self.is_calm && !is_end {
            return;
        }
        self.note(|| format!("trouble: {trouble:?}"));
        crate::judge::rest::disturbed(self);
        match trouble {
            Trouble::KillDaemon(h) if !self.hosts[h].frozen => self.end_daemon(h, false),
            Trouble::CrashMachine(h) => self.crash_machine(h),
            Trouble::Pause(h, time) => {
                self.hosts[h].paused = self.hosts[h].core.is_some();
                let life = self.hosts[h].life;
                self.after(time, Event::Trouble(Trouble::Continue(h, life)));
            }
            Trouble::Continue(h, life) if self.hosts[h].life == life => {
                self.hosts[h].paused = false;
                self.resume(h);
            }
            Trouble::Freeze(h, time) => {
                self.freeze(h);
                self.after(time, Event::Trouble(Trouble::Thaw(h)));
            }
            Trouble::Thaw(h) => self.thaw(h),
            Trouble::Cut(h, cut, time) => {
                self.mend(h);
                let link = &mut self.hosts[h].link;
                link.cut = cut;
                link.serial += 1;
                let serial = link.serial;
                self.after(time, Event::Trouble(Trouble::Mend(h, serial)));
            }
            Trouble::Mend(h, serial) if self.hosts[h].link.serial == serial => self.mend(h),
            Trouble::Lag(h, lag) => {
                self.hosts[h].sight.lag = lag;
                self.after(Duration::from_secs(4), Event::Trouble(Trouble::Hurry(h)));
            }
            Trouble::Hurry(h) => self.hosts[h].sight.lag = Duration::ZERO,
            Trouble::BreakWatch(h) => self.break_watch(h),
            Trouble::StoreDown(time) => {
                self.store_down_until = self.now + time;
                (0..self.hosts.len()).for_each(|h| self.break_watch(h));
            }
            Trouble::Compact => {
                let _ = self.store.compact(self.store.revision());
            }
            Trouble::Leave(h) => self.deliver(h, Input::LeaveAsked),
            Trouble::Disown(h) => self.disown(h),
            Trouble::Damage(time) => self.damage(time),
            Trouble::Repair => self.repair(),
            Trouble::KillDaemon(_) | Trouble::Continue(..) | Trouble::Mend(..) => {}
        }
    }

    fn mend(&mut self, h: usize) {
        let cut = std::mem::take(&mut self.hosts[h].link.cut);
        if matches!(cut, Cut::Both | Cut::Answers | Cut::Watch) {
            self.break_watch(h);
        }
    }

    /// All is repaired: links, clocks of news, paused daemons, suspended machines.
    pub(crate) fn calm(&mut self) {
        self.note(|| "calm: nothing goes wrong any more".to_owned());
        self.is_calm = true;
        self.never_starts.clear();
        self.store_down_until = self.now;
        self.repair();
        for h in 0..self.hosts.len() {
            self.hosts[h].link.serial += 1;
            self.mend(h);
            self.hosts[h].sight.lag = Duration::ZERO;
            self.thaw(h);
            if self.hosts[h].paused {
                self.hosts[h].paused = false;
                self.resume(h);
            }
            self.note(|| format!("{} is well", self_name(h)));
        }
        crate::judge::rest::disturbed(self);
    }
}
