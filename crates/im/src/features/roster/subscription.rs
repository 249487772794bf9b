//! Subscription states and what each subscription stanza does to them: the tables of RFC 6121, Appendix A, as functions of
//! their arguments. They know no accounts, rosters or sessions, and must stay total: every cell is answered.

/// How two people stand to each other, from the side of the one whose roster it is (RFC 6121 §A.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Neither sees the other's presence.
    None,
    /// The same; the owner has asked to.
    NonePendingOut,
    /// The same; the contact has asked to.
    NonePendingIn,
    /// The same; both have asked to.
    NonePendingOutIn,
    /// The owner sees the contact's presence.
    To,
    /// The same; the contact has asked to see the owner's.
    ToPendingIn,
    /// The contact sees the owner's presence.
    From,
    /// The same; the owner has asked to see the contact's.
    FromPendingOut,
    /// Each sees the other's presence.
    Both,
}

/// A subscription stanza by its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Subscribe,
    Subscribed,
    Unsubscribe,
    Unsubscribed,
}

impl Verb {
    /// Value of the stanza's `type`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Subscribe => "subscribe",
            Self::Subscribed => "subscribed",
            Self::Unsubscribe => "unsubscribe",
            Self::Unsubscribed => "unsubscribed",
        }
    }
}

impl Standing {
    /// From its parts; those that contradict a subscription that exists are ignored.
    pub(crate) fn new(to: bool, from: bool, asks: bool, is_asked: bool) -> Self {
        match (to, from, asks, is_asked) {
            (false, false, false, false) => Self::None,
            (false, false, true, false) => Self::NonePendingOut,
            (false, false, false, true) => Self::NonePendingIn,
            (false, false, true, true) => Self::NonePendingOutIn,
            (true, false, _, false) => Self::To,
            (true, false, _, true) => Self::ToPendingIn,
            (false, true, false, _) => Self::From,
            (false, true, true, _) => Self::FromPendingOut,
            (true, true, _, _) => Self::Both,
        }
    }

    /// The owner sees the contact's presence.
    pub(crate) fn has_to(self) -> bool {
        matches!(self, Self::To | Self::ToPendingIn | Self::Both)
    }

    /// The contact sees the owner's presence.
    pub(crate) fn has_from(self) -> bool {
        matches!(self, Self::From | Self::FromPendingOut | Self::Both)
    }

    /// The owner waits for an answer (`ask='subscribe'`).
    pub(crate) fn asks(self) -> bool {
        matches!(self, Self::NonePendingOut | Self::NonePendingOutIn | Self::FromPendingOut)
    }

    /// The contact waits for an answer.
    pub(crate) fn is_asked(self) -> bool {
        matches!(self, Self::NonePendingIn | Self::NonePendingOutIn | Self::ToPendingIn)
    }
}

/// What a stanza sent by the owner does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outbound {
    /// The state afterwards.
    pub(crate) next: Standing,
    /// Whether it goes to the contact.
    pub(crate) routed: bool,
    /// Whether the owner has approved a request that is still to come, from now on (RFC 6121 §3.4).
    pub(crate) approved: bool,
}

/// RFC 6121 §A.2. `approved`: whether the owner has approved in advance so far.
pub(crate) fn outbound(standing: Standing, verb: Verb, approved: bool) -> Outbound {
    use Standing as S;
    let (next, routed) = match verb {
        Verb::Subscribe => (
            match standing {
                S::None => S::NonePendingOut,
                S::NonePendingIn => S::NonePendingOutIn,
                S::From => S::FromPendingOut,
                _ => standing,
            },
            true,
        ),
        Verb::Unsubscribe => (
            match standing {
                S::NonePendingOut | S::To => S::None,
                S::NonePendingOutIn | S::ToPendingIn => S::NonePendingIn,
                S::FromPendingOut | S::Both => S::From,
                _ => standing,
            },
            true,
        ),
        Verb::Subscribed => match standing {
            S::NonePendingIn => (S::From, true),
            S::NonePendingOutIn => (S::FromPendingOut, true),
            S::ToPendingIn => (S::Both, true),
            _ => (standing, false),
        },
        Verb::Unsubscribed => match standing {
            S::NonePendingIn | S::From => (S::None, true),
            S::NonePendingOutIn | S::FromPendingOut => (S::NonePendingOut, true),
            S::ToPendingIn | S::Both => (S::To, true),
            _ => (standing, false),
        },
    };
    let approved = match verb {
        Verb::Subscribed if !next.has_from() => true,
        Verb::Unsubscribed => false,
        _ => approved,
    };
    Outbound { next, routed, approved }
}

/// What a stanza sent by the contact does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inbound {
    /// The state afterwards.
    pub(crate) next: Standing,
    /// Whether the owner's sessions get it.
    pub(crate) delivered: bool,
    /// Whether the server answers "subscribed" on the owner's behalf (RFC 6121 §3.1.3).
    pub(crate) answered: bool,
}

/// RFC 6121 §A.3. `approved`: whether the owner has approved in advance.
pub(crate) fn inbound(standing: Standing, verb: Verb, approved: bool) -> Inbound {
    use Standing as S;
    let (next, delivered) = match verb {
        Verb::Subscribe => return inbound_subscribe(standing, approved),
        Verb::Unsubscribe => match standing {
            S::NonePendingIn | S::From => (S::None, true),
            S::NonePendingOutIn | S::FromPendingOut => (S::NonePendingOut, true),
            S::ToPendingIn | S::Both => (S::To, true),
            _ => (standing, false),
        },
        Verb::Subscribed => match standing {
            S::NonePendingOut => (S::To, true),
            S::NonePendingOutIn => (S::ToPendingIn, true),
            S::FromPendingOut => (S::Both, true),
            _ => (standing, false),
        },
        Verb::Unsubscribed => match standing {
            S::NonePendingOut | S::To => (S::None, true),
            S::NonePendingOutIn | S::ToPendingIn => (S::NonePendingIn, true),
            S::FromPendingOut | S::Both => (S::From, true),
            _ => (standing, false),
        },
    };
    Inbound { next, delivered, answered: false }
}

fn inbound_subscribe(standing: Standing, approved: bool) -> Inbound {
    use Standing as S;
    let (next, delivered, answered) = match (standing, approved) {
        (S::From | S::FromPendingOut | S::Both, _) => (standing, false, true),
        (S::None | S::NonePendingIn, true) => (S::From, false, true),
        (S::NonePendingOut | S::NonePendingOutIn, true) => (S::FromPendingOut, false, true),
        (S::To | S::ToPendingIn, true) => (S::Both, false, true),
        (S::None, false) => (S::NonePendingIn, true, false),
        (S::NonePendingOut, false) => (S::NonePendingOutIn, true, false),
        (S::To, false) => (S::ToPendingIn, true, false),
        (S::NonePendingIn | S::NonePendingOutIn | S::ToPendingIn, false) => {
            (standing, false, false)
        }
    };
    Inbound { next, delivered, answered }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Standing; 9] = [
        Standing::None,
        Standing::NonePendingOut,
        Standing::NonePendingIn,
        Standing::NonePendingOutIn,
        Standing::To,
        Standing::ToPendingIn,
        Standing::From,
        Standing::FromPendingOut,
        Standing::Both,
    ];

    /// One letter code per state, in the order of `ALL`.
    fn code(standing: Standing) -> &'static str {
        match standing {
            Standing::None => "n",
            Standing::NonePendingOut => "no",
            Standing::NonePendingIn => "ni",
            Standing::NonePendingOutIn => "noi",
            Standing::To => "t",
            Standing::ToPendingIn => "ti",
            Standing::From => "f",
            Standing::FromPendingOut => "fo",
            Standing::Both => "b",
        }
    }

    /// `expect`: for each state the next one, with `>` in front when routed or delivered, `!` when answered.
    fn check_outbound(verb: Verb, expect: &str) {
        let got: Vec<String> = ALL
            .iter()
            .map(|s| {
                let o = outbound(*s, verb, false);
                format!("{}{}", if o.routed { ">" } else { "" }, code(o.next))
            })
            .collect();
        assert_eq!(got.join(" "), expect, "outbound {verb:?}");
    }

    fn check_inbound(verb: Verb, approved: bool, expect: &str) {
        let got: Vec<String> = ALL
            .iter()
            .map(|s| {
                let i = inbound(*s, verb, approved);
                let mark = match (i.delivered, i.answered) {
                    (true, _) => ">",
                    (_, true) => "!",
                    _ => "",
                };
                format!("{mark}{}", code(i.next))
            })
            .collect();
        assert_eq!(got.join(" "), expect, "inbound {verb:?}");
    }

    #[test]
    fn outbound_stanzas_change_states_as_rfc_6121_a_2_says() {
        check_outbound(Verb::Subscribe, ">no >no >noi >noi >t >ti >fo >fo >b");
        check_outbound(Verb::Unsubscribe, ">n >n >ni >ni >n >ni >f >f >f");
        check_outbound(Verb::Subscribed, "n no >f >fo t >b f fo b");
        check_outbound(Verb::Unsubscribed, "n no >n >no t >t >n >no >t");
    }

    #[test]
    fn inbound_stanzas_change_states_as_rfc_6121_a_3_says() {
        check_inbound(Verb::Subscribe, false, ">ni >noi ni noi >ti ti !f !fo !b");
        check_inbound(Verb::Unsubscribe, false, "n no >n >no t >t >n >no >t");
        check_inbound(Verb::Subscribed, false, "n >t ni >ti t ti f >b b");
        check_inbound(Verb::Unsubscribed, false, "n >n ni >ni >n >ni f >f >f");
    }

    #[test]
    fn a_request_approved_in_advance_is_answered_and_not_delivered() {
        check_inbound(Verb::Subscribe, true, "!f !fo !f !fo !b !b !f !fo !b");
    }

    #[test]
    fn approval_in_advance_begins_with_subscribed_and_ends_with_unsubscribed() {
        for standing in ALL {
            let routed = standing.is_asked();
            let before = outbound(standing, Verb::Subscribed, false);
            assert_eq!((before.routed, before.approved), (routed, !before.next.has_from()));
            assert!(outbound(standing, Verb::Subscribe, true).approved);
            assert!(!outbound(standing, Verb::Unsubscribed, true).approved);
        }
    }

    #[test]
    fn a_state_taken_apart_and_put_together_is_the_same() {
        for s in ALL {
            assert_eq!(Standing::new(s.has_to(), s.has_from(), s.asks(), s.is_asked()), s);
        }
    }
}
