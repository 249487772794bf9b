//! The table: which test stands for which attack.

/// One attack and what stands for it.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Number in the attack list.
    pub number: u8,
    /// What is tried.
    pub attack: &'static str,
    /// Tests, as `crate::module::test`.
    pub tests: &'static [&'static str],
    /// What is smaller or otherwise than the list has it, empty if nothing.
    pub scale: &'static str,
}

/// Rows that must be here.
pub const WANTED: &[u8] = &[
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 26, 27, 28,
    32, 41, 45, 46, 47, 49,
];

const fn row(
    number: u8,
    attack: &'static str,
    tests: &'static [&'static str],
    scale: &'static str,
) -> Row {
    Row { number, attack, tests, scale }
}

/// The table, in the order of the list.
pub const ROWS: &[Row] = &[
    row(
        1,
        "Many silent connections",
        &[
            "attacks::it::before_login::silent_connections_cost_little_and_all_end_at_the_deadline",
            "mux::it::deadlines::silent_connections_are_all_closed_and_never_reported",
            "mux::connection::tests::a_connection_is_small_before_it_holds_anything",
        ],
        "2,000 connections, half of them to the TLS port; at most 16 KiB each",
    ),
    row(
        2,
        "Connecting and closing in a loop",
        &[
            "attacks::it::before_login::connecting_and_aborting_leaves_neither_descriptors_nor_memory",
            "mux::it::abuse::connecting_and_aborting_leaves_nothing_behind",
        ],
        "2,000 rounds after 500 to warm up",
    ),
    row(
        3,
        "Bytes that trickle: in the header, in a stanza, in the TLS hello",
        &[
            "attacks::it::before_login::bytes_that_trickle_do_not_extend_the_deadline",
            "mux::it::deadlines::a_trickled_header_ends_at_the_deadline_and_never_reaches_the_server",
            "mux::it::deadlines::a_trickled_stanza_ends_at_the_deadline_with_an_error_on_the_open_stream",
            "mux::it::deadlines::a_trickled_tls_hello_ends_at_the_deadline",
        ],
        "a deadline of two seconds",
    ),
    row(
        4,
        "Floods of TLS hellos, huge, fragmented or garbage",
        &[
            "attacks::it::before_login::an_established_session_goes_on_while_tls_is_flooded_with_garbage",
            "mux::it::abuse::established_sessions_go_on_while_others_flood_with_hellos",
            "mux::it::abuse::garbage_instead_of_tls_is_refused_at_once",
            "mux::tls::session::tests::a_hello_that_never_ends_is_refused_before_it_is_large",
            "mux::listen::tests::more_connections_than_the_budget_wait",
        ],
        "400 connections; no percentiles, the machine is busy with other tests. Renegotiation does not exist in our TLS library",
    ),
    row(
        5,
        "Bytes in the clear after STARTTLS",
        &[
            "attacks::it::before_login::what_follows_starttls_in_the_clear_closes_the_connection_unheard",
            "mux::it::tls::bytes_between_starttls_and_tls_close_the_connection",
            "mux::it::tls::an_end_of_line_after_starttls_is_forgiven_and_forgotten",
            "xmpp::negotiation::tests::starttls::what_is_sent_in_the_clear_after_starttls_is_never_obeyed",
        ],
        "",
    ),
    row(
        6,
        "Stream restarts without end",
        &[
            "attacks::it::before_login::a_stream_is_restarted_only_so_often",
            "mux::it::streams::a_restarted_stream_begins_with_a_header_and_only_so_often",
            "xmpp::negotiation::tests::order::a_stream_is_opened_at_most_three_times",
        ],
        "",
    ),
    row(
        7,
        "SCRAM: changed nonces, proofs and bindings, downgrades",
        &[
            "attacks::it::login::no_changed_scram_message_and_no_downgrade_logs_in",
            "xmpp::sasl::scram_tests::the_vectors_of_the_specifications_come_out_as_printed",
            "xmpp::sasl::scram_tests::no_changed_message_logs_in",
            "xmpp::sasl::scram_tests::channel_binding_is_accepted_only_as_it_was_offered",
            "xmpp::sasl::scram_tests::the_downgrade_hash_is_the_one_of_xep_0474",
            "xmpp::negotiation::tests::login::a_client_that_was_shown_no_channel_binding_although_it_was_offered_is_refused",
        ],
        "",
    ),
    row(
        8,
        "Authorization identity of another user",
        &[
            "attacks::it::login::whoever_logs_in_is_the_account_whose_password_was_proved",
            "xmpp::negotiation::tests::login::whoever_logs_in_is_exactly_the_account_whose_password_was_proved",
            "xmpp::sasl::tests::nobody_may_act_for_another_account",
        ],
        "",
    ),
    row(
        9,
        "Elements out of order, mechanisms not offered, a second login, binding too early",
        &[
            "attacks::it::order::no_order_of_elements_gets_in_without_a_password",
            "attacks::it::order::whoever_is_logged_in_cannot_log_in_again",
            "xmpp::negotiation::tests::order::in_every_state_exactly_what_the_table_names_is_legal",
            "xmpp::negotiation::tests::order::no_order_of_elements_leads_anywhere_the_table_does_not",
        ],
        "60 random orders over the wire, all states in the table",
    ),
    row(
        10,
        "Finding out which accounts exist",
        &[
            "attacks::it::login::unknown_accounts_are_refused_like_known_ones_also_after_a_restart",
            "xmpp::negotiation::tests::enumeration::known_and_unknown_accounts_look_the_same",
            "xmpp::negotiation::tests::enumeration::the_salt_of_an_account_that_does_not_exist_never_changes",
            "im::pipeline::iq::tests::a_stranger_cannot_tell_an_account_from_none_by_any_request",
            "im::features::roster::tests::nobody_can_tell_an_account_that_does_not_exist_from_one_that_does_not_answer",
        ],
        "times are reported and not judged: the machine is busy with other tests. The work is the same by construction",
    ),
    row(
        11,
        "Guessing passwords",
        &[
            "attacks::it::login::guessing_is_slowed_down_and_the_user_gets_in_from_elsewhere",
            "im::throttle::tests::an_address_waits_after_its_limit_and_is_forgiven_with_time",
            "im::throttle::tests::an_ipv6_neighbourhood_is_one_address",
            "im::throttle::tests::memory_of_culprits_is_bounded",
        ],
        "no FAST tokens yet: the user gets in from another address until the account's own limit is reached",
    ),
    row(
        12,
        "Floods of registrations",
        &[
            "attacks::it::login::strangers_register_only_where_they_may_and_only_so_often",
            "im::features::register::tests::registration_is_off_unless_it_was_switched_on",
            "im::features::register::tests::one_address_registers_only_so_many_accounts_and_logs_in_all_the_same",
            "im::features::register::tests::one_connection_may_not_go_on_registering",
        ],
        "20 accounts wanted, 5 allowed; there are no invitations yet",
    ),
    row(
        13,
        "Replay of early data, of tokens, of an exchange",
        &["attacks::it::login::nothing_that_was_said_once_logs_in_again"],
        "neither 0-RTT nor FAST is offered, which the test checks",
    ),
    row(
        14,
        "DTDs, entities, comments, processing instructions, other encodings",
        &[
            "attacks::it::xml::xml_that_xmpp_forbids_ends_the_stream_everywhere",
            "xmpp::it::forbidden::features_of_xml_that_xmpp_forbids",
            "xmpp::it::forbidden::encodings_other_than_utf_8",
        ],
        "every transport there is: TCP in clear and TLS",
    ),
    row(
        15,
        "Depth, attributes, names, namespaces without end; attributes twice",
        &[
            "attacks::it::xml::enormous_xml_is_refused_as_soon_as_it_passes_a_limit",
            "xmpp::it::limits::enormous_things_are_refused_as_soon_as_they_pass_a_limit",
            "xmpp::it::limits::each_limit_lets_exactly_its_value_pass",
            "xmpp::it::forbidden::namespaces_used_wrongly",
        ],
        "",
    ),
    row(
        16,
        "Amplification by escaping and by repeated namespaces",
        &[
            "attacks::it::xml::what_is_delivered_is_at_most_six_times_what_was_sent",
            "attacks::it::stanzas::mutated_seeds_of_stanzas_hold",
            "xmpp::it::bounded::writing_takes_at_most_six_bytes_for_one",
            "xmpp::it::bounded::a_stream_header_cannot_make_every_stanza_long",
            "xmpp::it::bounded::an_edit_adds_what_it_was_given_and_no_more",
        ],
        "",
    ),
    row(
        17,
        "Invalid UTF-8, surrogates, NUL, noncharacters",
        &[
            "attacks::it::xml::what_is_not_utf_8_or_no_character_ends_the_stream",
            "xmpp::it::forbidden::characters_that_xml_forbids",
            "xmpp::it::differential::both_agree_on_a_hostile_corpus",
            "xmpp::it::differential::both_agree_on_trees_with_a_fault",
            "xmpp::it::expat::both_agree_on_every_case",
        ],
        "",
    ),
    row(
        18,
        "A stanza of the limit, and of one byte more",
        &[
            "attacks::it::xml::an_element_of_the_advertised_length_passes_and_one_byte_more_does_not",
            "im::features::streams::tests::the_limit_told_is_the_limit_kept",
        ],
        "",
    ),
    row(
        19,
        "A stream split at every byte",
        &[
            "attacks::it::xml::a_stream_that_comes_byte_by_byte_is_the_same_stream",
            "xmpp::it::framing::slicing_changes_nothing",
            "xmpp::it::differential::slices_change_nothing",
        ],
        "",
    ),
    row(
        20,
        "Another's address in from",
        &[
            "attacks::it::spoofing::from_is_ones_own_address_or_the_stream_ends",
            "attacks::it::stanzas::the_seeds_of_stanzas_hold",
            "im::pipeline::iq::tests::whoever_names_another_sender_loses_its_stream",
            "im::pipeline::iq::tests::whoever_names_itself_is_heard_and_its_full_address_is_what_others_see",
        ],
        "clients only; there is no federation yet",
    ),
    row(
        21,
        "Forged carbons, archive results, ids, delays, room statements",
        &[
            "attacks::it::spoofing::what_only_a_server_may_say_does_not_arrive",
            "im::features::provenance::tests::a_forged_carbon_is_removed",
            "im::features::provenance::tests::a_forged_archive_result_is_removed",
            "im::features::provenance::tests::a_forged_stable_id_is_removed",
            "im::features::provenance::tests::a_forged_delay_is_removed",
            "im::features::provenance::tests::a_forged_occupant_id_is_removed",
            "im::features::provenance::tests::what_only_a_room_may_say_is_removed",
            "im::features::provenance::tests::a_forged_notification_is_removed",
        ],
        "",
    ),
    row(
        22,
        "Pushes of a roster, a blocking list or events by another client",
        &[
            "attacks::it::spoofing::a_push_of_another_client_is_never_relayed",
            "im::pipeline::iq::tests::a_push_made_by_a_client_never_looks_like_the_servers",
            "im::pipeline::message::tests::a_roster_push_from_somebody_else_is_refused",
        ],
        "",
    ),
    row(
        23,
        "Addresses: letters that look alike, case, length, direction of writing",
        &[
            "attacks::it::spoofing::names_that_are_one_reach_one_account_and_names_that_are_not_reach_nobody",
            "xmpp::it::addresses::the_valid_examples_of_rfc_7622",
            "xmpp::it::addresses::the_invalid_examples_of_rfc_7622",
            "xmpp::it::addresses::directions_of_writing_do_not_mix",
            "xmpp::it::addresses::each_part_has_1_to_1023_bytes",
            "xmpp::it::addresses::a_prepared_address_is_its_own_preparation",
            "xmpp::it::addresses::equal_text_and_equal_addresses_are_the_same",
        ],
        "",
    ),
    row(
        26,
        "Floods of presence",
        &[
            "attacks::it::floods::a_flood_of_presence_is_slowed_down_and_reaches_others_at_the_rate_allowed",
            "attacks::it::floods::directed_presence_goes_to_a_bounded_number_of_addresses",
            "im::pipeline::presence::tests::presence_floods_are_bounded_by_the_time_they_take",
            "im::pipeline::presence::tests::directed_presence_of_one_session_is_bounded",
            "im::pipeline::presence::limits::tests::copies_caused_are_bounded_by_the_time_that_passes",
            "im::features::blocking::tests::blocking_and_unblocking_in_turns_is_slowed_down_and_blocking_never_refused",
        ],
        "rooms and PEP are not there yet",
    ),
    row(
        27,
        "A recipient that never reads while many write",
        &[
            "attacks::it::unread::a_recipient_that_never_reads_costs_little_and_finds_everything_later",
            "mux::it::flow::more_output_than_may_wait_closes_a_client_that_takes_none",
            "mux::line::tests::output_that_nobody_takes_is_bounded_and_ends_the_connection",
        ],
        "4 writers, 8,000 messages, 96 MiB, of which the last 72 may cost 24",
    ),
    row(
        28,
        "Stream management: counts too high, counters that wrap, requests without end, nothing acknowledged",
        &[
            "attacks::it::floods::acknowledging_what_was_never_sent_ends_the_stream",
            "attacks::it::floods::asking_for_acknowledgements_without_end_costs_only_the_one_who_asks",
            "attacks::it::unread::a_recipient_that_never_reads_costs_little_and_finds_everything_later",
            "xmpp::sm::tests::an_acknowledgement_is_understood_across_the_wrap_of_the_counter",
            "xmpp::sm::tests::every_number_between_acknowledged_and_sent_is_taken_and_the_next_is_not",
            "im::pipeline::presence::tests::sessions_that_overflow_together_end_without_end",
        ],
        "8,000 stanzas without acknowledgement, 100,000 requests",
    ),
    row(
        32,
        "Archives and other data of other people, SQL in paging strings, pages without end",
        &[
            "attacks::it::access::what_belongs_to_somebody_else_is_closed_whether_they_exist_or_not",
            "attacks::it::access::strings_of_a_query_are_strings_and_no_page_is_without_end",
            "attacks::it::access::pages_that_nobody_reads_cost_little",
            "im_store_sqlite::it::conformance::random_batches_give_the_memory_store_s_answers",
            "im::features::archive::tests::somebody_elses_archive_is_forbidden_whether_it_exists_or_not",
            "im::features::archive::query::tests::no_page_is_larger_than_the_limit",
            "im::features::private::tests::other_peoples_private_xml_is_closed_whether_they_exist_or_not",
            "im::features::blocking::tests::other_peoples_lists_are_closed_whether_they_exist_or_not",
        ],
        "there is no PubSub yet",
    ),
    row(
        41,
        "Secrets in logs, lines of the log made by a peer",
        &[
            "attacks::it::logs::no_secret_and_no_control_character_reaches_the_log_at_the_most_talkative_level",
            "mux::shown::tests::a_peers_text_cannot_start_a_line_colour_a_terminal_or_fill_a_disk",
            "xmpp::credentials::tests::nothing_secret_is_printed",
        ],
        "",
    ),
    row(
        45,
        "The wall clock jumps or stands still",
        &[
            "attacks::it::clock::a_jump_of_the_wall_clock_neither_ends_a_session_nor_keeps_one",
            "attacks::it::clock::messages_keep_their_order_while_the_wall_clock_jumps_back_and_forth",
            "sim::it::no_seed_of_the_batch_breaks_a_promise",
        ],
        "in the core, which has no other clock than the one it is given; there are no leases yet",
    ),
    row(
        46,
        "No room on the disk, a sync that fails",
        &[
            "attacks::it::full_disk::without_room_messages_are_refused_and_with_room_everything_goes_on",
            "im_store_sqlite::it::full::a_log_that_cannot_grow_warns_then_refuses_and_goes_on_when_there_is_room",
            "im_store_sqlite::it::crashes::a_failed_sync_breaks_the_store_and_is_not_tried_again",
            "im_server::it::a_failed_sync_ends_the_instance",
            "im_server::it::on_a_full_disk_nothing_is_acknowledged_until_there_is_room",
        ],
        "the real file system needs root; without it the simulated disk stands alone",
    ),
    row(
        47,
        "Power cuts: writes lost, torn, reordered",
        &[
            "im_store_sqlite::it::crashes::every_acknowledged_batch_survives_power_cuts_and_kills",
            "im_store_sqlite::it::crashes::a_damaged_record_before_later_ones_is_reported_and_not_skipped",
            "testkit::it::faults::nothing_acknowledged_is_lost_in_a_dozen_kills",
        ],
        "a simulated disk",
    ),
    row(
        49,
        "No descriptors, a kill, a panic, a neighbour that takes the processor",
        &[
            "attacks::it::machine::without_descriptors_for_strangers_sessions_and_monitoring_go_on",
            "attacks::it::machine::a_probe_is_answered_while_a_neighbour_takes_the_whole_processor",
            "attacks::it::machine::a_log_that_cannot_be_written_stops_nobody",
            "attacks::it::machine::a_panic_of_any_thread_ends_the_process",
            "mux::listen::tests::without_file_descriptors_accepting_pauses_longer_and_longer_and_then_goes_on",
            "mux::mux::tests::clients_never_take_the_last_file_descriptors",
            "testkit::it::faults::nothing_acknowledged_is_lost_in_a_dozen_kills",
        ],
        "256 descriptors, 400 connections; that a panic ends the process is read in the source",
    ),
];
