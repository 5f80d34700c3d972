"""Everything a hostile user, a dying machine and an impatient beginner do, through the command.

Each line of the list of inputs that must be survived, and the tests that hold it: a name alone is
in this folder, `folder/file::name` elsewhere in tests/. A test below keeps the table true.

 1  refs, branches, paths like options  test_a_branch_that_looks_like_an_option_is_read_as_a_branch
                                        test_a_revision_that_is_none_is_refused_in_words
 2  ext::, credential-bearing URLs      test_no_trap_snaps_and_only_git_and_tmux_start
                                        adapters/git/test_hostile.py::test_a_partial_clone_fetches_nothing
 3  links, submodules, executables      test_every_entry_that_is_no_plain_file_is_named_and_the_good_ones_run
                                        test_a_desired_state_that_is_no_folder
                                        test_a_work_tree_whose_desired_state_is_no_folder
 4  paths that lead elsewhere, twins    test_a_path_that_leads_elsewhere_never_does
                                        test_twins_are_refused_where_a_disk_would_call_them_one
                                        test_hundreds_of_folders_deep
 5  smudge, LFS, textconv, hooks        test_no_trap_snaps_and_only_git_and_tmux_start
                                        test_the_kernel_saw_no_other_program
                                        test_no_trap_snaps_while_applying_either
 6  hostile configuration               test_the_traps_would_snap
                                        test_the_python_trap_would_snap
                                        test_the_environment_cannot_point_planning_elsewhere
 7  foreign, grafted, partial, corrupt  test_a_broken_object_stops_nothing
                                        test_a_broken_git_folder_stops_nothing
                                        test_a_foreign_owned_repository_is_not_trusted
                                        test_grafts_replacements_and_notes_change_no_wish
                                        test_shallow_and_partial_clones_are_read
                                        test_gc_and_repack_while_it_reads
                                        adapters/git/test_hostile.py::test_an_embedded_bare_repository_is_not_opened
 8  heads that move, vanish, are locked test_a_branch_that_is_not_there_stops_nothing
                                        test_two_heads_race_and_a_force_push_rewinds
                                        test_a_detached_head_and_a_renamed_branch_are_read
                                        test_a_lock_left_behind_hinders_no_reader
                                        test_a_repository_that_breaks_under_a_daemon
                                        test_a_force_push_back_while_it_runs
 9  tags taken for commits              test_a_tag_is_not_taken_for_a_commit_it_is_not
                                        (signatures are not checked by this version)
10  forged words in commits             test_a_commit_message_cannot_paint_the_terminal
11  too large, too many                 test_a_file_over_the_limit_is_held_alone
                                        test_more_entries_than_anybody_can_mean
                                        test_a_million_refs
                                        test_two_thousand_files_of_which_one_is_bad
12  hooks that wake themselves or leak  test_hooks_do_not_feed_themselves_and_leak_nothing
                                        adapters/test_githooks.py::test_gits_own_variables_do_not_disturb_a_hook
13  YAML bombs, tags, encodings         test_every_bad_file_is_named_with_its_place_and_the_good_ones_run
                                        test_a_good_file_that_turns_bad_stops_nothing
14  no, 012, 22:22                      test_every_bad_file_is_named_with_its_place_and_the_good_ones_run
15  durations and amounts               test_every_bad_file_is_named_with_its_place_and_the_good_ones_run
16  unknown kinds, fields, versions     test_every_bad_file_is_named_with_its_place_and_the_good_ones_run
                                        test_a_fleet_file_that_cannot_be_read_holds_everything
                                        test_a_fleet_that_takes_another_name_under_a_daemon
17  circles, holes, long chains         test_a_chain_of_two_thousand_and_a_circle_of_two_thousand
18  one identity twice; moved files     test_one_identity_in_two_files_holds_both
19  overlays                            (there are none; merge keys and duplicates are line 13)
20  charters with orders in them        test_a_hostile_charter_is_data
                                        test_a_file_over_the_limit_is_held_alone
                                        test_records_for_machines_cannot_paint_a_terminal
                                        kinds/test_charter.py::test_ten_megabytes_are_refused
21  templates                           test_every_bad_file_is_named_with_its_place_and_the_good_ones_run
22  names                               test_no_name_reaches_tmux_that_it_would_expand
                                        test_neighbours_by_prefix_do_not_take_each_other_down
23  directories                         test_directories_that_are_traps
                                        test_a_directory_that_goes_after_the_start
24  programs, variables, secrets        test_every_bad_file_is_named_with_its_place_and_the_good_ones_run
                                        adapters/tmux/test_contract.py::test_one_word_is_never_a_shell_string
                                        adapters/tmux/test_trouble.py::test_secrets_are_nowhere_but_in_their_process
25  typed text                          adapters/tmux/test_contract.py::test_lines_are_typed
                                        adapters/tmux/test_contract.py::test_hostile_words_arrive_as_they_are
26  what panes print                    test_a_flood_of_hostile_output_hides_nothing
                                        test_titles_and_names_set_by_programs_are_not_believed
                                        test_five_thousand_lines_of_output
27  servers                             test_a_hung_server_is_blindness_not_absence
                                        test_a_killed_server_is_made_anew
                                        test_a_plan_outlives_no_server
                                        test_a_removed_socket_is_said_and_starts_no_twins_by_itself
                                        test_a_socket_that_is_none
                                        test_the_server_of_another_user
                                        test_a_server_that_is_set_against_us
                                        test_the_server_dies_in_the_middle_of_an_apply
                                        test_a_server_that_hangs_under_a_daemon
                                        test_a_server_that_dies_under_a_daemon_again_and_again
                                        test_no_layout_kills_the_server
                                        test_a_session_of_several_windows_is_removed
28  people                              test_what_people_do_by_hand_loses_no_process
                                        test_what_people_kill_is_started_again_once
                                        test_people_at_work_while_it_converges
                                        test_a_strangers_session_of_our_name_is_shown_and_left_alone
                                        test_a_forged_mark_gives_no_power_over_a_strangers_pane
29  agents that do not end              test_an_agent_that_does_not_want_to_end
30  what an agent writes                test_what_an_agent_writes_into_its_work_tree_gives_it_no_power
40  the machine: full disks             test_the_cache_of_parsed_manifests
                                        test_the_state_folder_and_the_lock
                                        test_a_saved_plan
                                        test_the_hooks
                                        test_the_first_files
                                        test_a_manifest_that_a_verb_writes
                                        test_the_daemon_its_log_its_store_and_its_pipes
                                        test_a_daemon_that_starts_in_a_full_repository
                                        test_the_word_of_a_confirmation
                                        test_a_file_size_limit_is_no_defect
    rights, descriptors, locale, clock  test_a_read_only_repository
                                        test_few_file_descriptors
                                        test_every_locale_can_read_it
                                        test_without_a_home
                                        test_every_umask
                                        test_a_clock_that_jumps
                                        test_a_state_folder_that_is_a_link_to_somebodys
    SIGKILL, SIGSTOP, two at once       test_an_apply_that_is_killed
                                        test_an_apply_that_is_killed_twenty_times
                                        test_a_daemon_that_is_killed
                                        real/test_kill.py::test_a_daemon_that_is_killed_at_any_instant
                                        test_a_stopped_daemon_catches_up_with_many_commits
                                        test_two_applies_at_once_start_nothing_twice
                                        test_a_repository_that_is_moved_away_and_back
"""  # noqa: E501  (a table)
