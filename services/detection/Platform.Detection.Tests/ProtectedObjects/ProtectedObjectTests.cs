using System.Net;
using Platform.Detection.Learning;
using Platform.Detection.ProtectedObjects;
using Platform.Testing;

namespace Platform.Detection.Tests.ProtectedObjects;

public sealed class ProtectedObjectTests
{
    private static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private const string Why = "as measured";
    private static readonly Guid ContractId = Guid.Parse("0190bbbb-0000-7000-8000-000000000001");
    private static readonly IPNetwork[] Prefixes = [IPNetwork.Parse("203.0.113.0/24"), IPNetwork.Parse("2001:db8::/48")];
    private static readonly IPNetwork[] OtherPrefixes = [IPNetwork.Parse("198.51.100.0/24")];
    private static readonly Threshold[] OwnThresholds = [new(TrafficVector.Total, 5_000_000, null), new(TrafficVector.TcpSyn, null, 500)];

    private static readonly ObjectContent Content = new(
        ContractId, "DP00000001", "default", Prefixes, Threshold.DefaultsFor(1_000_000_000), Version: 1,
        new ObjectSettings(1_000_000_000, "generic"));

    private static readonly ObjectContent Own = Content with { Thresholds = OwnThresholds, Settings = new ObjectSettings(1_000_000_000) };

    private static readonly ProtectedObjectAdded Added = new(Content, ContractVersion: 1, Noon);
    private static readonly ProtectedObjectRetired Retired = new(ContractId, "DP00000001", Noon);

    [Fact]
    public void A_signed_contract_is_watched_with_thresholds_from_its_bandwidth() => With()
        .When(state => ProtectedObjectDecider.Decide(state, Contract(version: 1)))
        .Then(Added);

    [Fact]
    public void Thresholds_to_begin_with_watch_every_level_and_never_start_at_nothing()
    {
        Assert.All(ThresholdProfiles.Names, profile =>
        {
            var thresholds = ThresholdProfiles.Of(profile, 1)!;
            Assert.All(Enum.GetValues<WatchLevel>(), level => Assert.Superset(
                new HashSet<TrafficVector> { TrafficVector.Total, TrafficVector.Udp, TrafficVector.Icmp, TrafficVector.TcpSyn },
                thresholds.Where(threshold => threshold.Level == level).Select(threshold => threshold.Vector).ToHashSet()));
            Assert.All(thresholds, threshold => Assert.True(threshold.PacketsPerSecond >= 1_000));
            Assert.Equal(thresholds.Count, thresholds.DistinctBy(threshold => (threshold.Vector, threshold.Level)).Count());
        });
    }

    [Fact]
    public void Thresholds_of_wider_levels_stay_when_only_those_of_hosts_are_changed() => With(Added)
        .When(state => ProtectedObjectDecider.Decide(state, Change(OwnThresholds) with { Wider = null }))
        .Then(Changed(Content, Content with
        {
            Thresholds = [.. OwnThresholds.Select(threshold => threshold with { IsOwn = true }), .. Content.Thresholds.Where(threshold => !threshold.IsOfHosts)],
            Version = 2,
        }));

    [Fact, Trait("Requirement", "R17")]
    public void What_is_set_as_the_profile_has_it_is_meant_when_somebody_says_so()
    {
        var meant = Content.Thresholds[0] with { IsOwn = true };
        var outcome = With(Added).When(state => ProtectedObjectDecider.Decide(state, Change([meant, .. Content.Thresholds.Skip(1)])));
        outcome.Then(Changed(Content, Content with { Thresholds = [meant, .. Content.Thresholds.Skip(1)], Version = 2 }));
        Assert.Equal(
            [new Difference("threshold/host/in/total/own", null, "yes")],
            Difference.Between(Content, Content with { Thresholds = [meant, .. Content.Thresholds.Skip(1)] }));
    }

    [Fact, Trait("Requirement", "R17")]
    public void Of_an_edited_profile_only_what_nobody_set_follows_the_declared_bandwidth_and_never_below_the_floors()
    {
        Threshold syn = new(TrafficVector.TcpSyn, null, 77, IsOwn: true);
        var ntp = Content.Thresholds.Single(threshold => threshold.Vector is TrafficVector.Ntp);
        Threshold[] floors = [ntp with { BitsPerSecond = 300_000_000 }];
        var settings = new ObjectSettings(1_000_000_000, "generic", Floors: floors);
        With(new ProtectedObjectAdded(Content with { Thresholds = [syn, floors[0]], Settings = settings }, 1, Noon))
            .When(state => ProtectedObjectDecider.Decide(state, Contract(version: 2) with { DeclaredBitsPerSecond = 10_000_000_000 }))
            .Then(new ContractFollowed(
                Content with
                {
                    Thresholds = [syn, ntp with { BitsPerSecond = 300_000_000, PacketsPerSecond = 100_000 }],
                    Settings = settings with { DeclaredBitsPerSecond = 10_000_000_000 },
                    Version = 2,
                },
                2,
                Noon));
    }

    [Fact]
    public void A_contract_signed_twice_is_watched_once() => With(Added)
        .When(state => ProtectedObjectDecider.Decide(state, Contract(version: 1)))
        .ThenUnchanged();

    [Fact]
    public void A_changed_contract_brings_its_prefixes_and_leaves_the_thresholds() => With(Added)
        .When(state => ProtectedObjectDecider.Decide(state, Contract(version: 2, OtherPrefixes)))
        .Then(new ContractFollowed(Content with { Prefixes = OtherPrefixes, Version = 2 }, 2, Noon));

    [Fact]
    public void A_change_that_comes_before_the_contract_brings_it_into_being() => With()
        .When(state => ProtectedObjectDecider.Decide(state, Contract(version: 2, OtherPrefixes)))
        .Then(new ProtectedObjectAdded(Content with { Prefixes = OtherPrefixes }, 2, Noon));

    [Fact]
    public void An_older_version_of_the_contract_that_comes_late_is_not_followed() => With(
            Added, new ContractFollowed(Content with { Version = 2 }, ContractVersion: 3, Noon))
        .When(state => ProtectedObjectDecider.Decide(state, Contract(version: 2, OtherPrefixes)))
        .ThenUnchanged();

    [Fact]
    public void An_ended_contract_is_no_longer_watched() => With(Added)
        .When(state => ProtectedObjectDecider.Decide(state, new RetireObjects(ContractId, "DP00000001", Noon)))
        .Then(Retired);

    [Fact]
    public void A_contract_ended_twice_is_retired_once() => With(Added, Retired)
        .When(state => ProtectedObjectDecider.Decide(state, new RetireObjects(ContractId, "DP00000001", Noon)))
        .ThenUnchanged();

    [Fact]
    public void An_end_that_comes_before_the_contract_is_remembered() => With()
        .When(state => ProtectedObjectDecider.Decide(state, new RetireObjects(ContractId, "DP00000001", Noon)))
        .Then(Retired);

    [Fact]
    public void A_contract_that_comes_after_its_end_is_never_watched() => With(Retired)
        .When(state => ProtectedObjectDecider.Decide(state, Contract(version: 1)))
        .ThenUnchanged();

    [Fact, Trait("Requirement", "R17")]
    public void Other_thresholds_are_a_new_version_with_the_whole_configuration() => With(Added)
        .When(state => ProtectedObjectDecider.Decide(state, Change(OwnThresholds)))
        .Then(Changed(Content, Own with { Version = 2 }));

    [Fact]
    public void The_same_thresholds_in_another_order_change_nothing() => With(
            Added, new ThresholdsChanged(Own with { Version = 2 }, Noon))
        .When(state => ProtectedObjectDecider.Decide(state, Change([.. OwnThresholds.Reverse()])))
        .ThenUnchanged();

    [Fact, Trait("Requirement", "R27")]
    public void What_a_profile_guessed_follows_the_bandwidth_that_a_changed_contract_declares() => With(Added)
        .When(state => ProtectedObjectDecider.Decide(state, Contract(version: 2) with { DeclaredBitsPerSecond = 10_000_000_000 }))
        .Then(new ContractFollowed(
            Content with { Thresholds = Threshold.DefaultsFor(10_000_000_000), Settings = new ObjectSettings(10_000_000_000, "generic"), Version = 2 }, 2, Noon));

    [Fact]
    public void Thresholds_set_by_hand_survive_a_change_of_the_contract() => With(
            Added, new ThresholdsChanged(Own with { Version = 2 }, Noon))
        .When(state => ProtectedObjectDecider.Decide(state, Contract(version: 2, OtherPrefixes)))
        .Then(new ContractFollowed(
            Own with { Prefixes = OtherPrefixes, Version = 3 }, 2, Noon));

    [Fact]
    public void Who_saw_an_older_version_is_told_so() => With(
            Added, new ThresholdsChanged(Own with { Version = 2 }, Noon))
        .When(state => ProtectedObjectDecider.Decide(state, Change([OwnThresholds[0]], expectedVersion: 1)))
        .ThenRejected("thresholds-changed-meanwhile");

    [Fact]
    public void Who_saw_the_newest_version_may_change_it() => With(Added)
        .When(state => ProtectedObjectDecider.Decide(state, Change(OwnThresholds, expectedVersion: 1)))
        .Then(Changed(Content, Own with { Version = 2 }));

    [Fact]
    public void An_object_that_nobody_watches_has_no_thresholds_to_change() => With()
        .When(state => ProtectedObjectDecider.Decide(state, Change(OwnThresholds)))
        .ThenRejected("protected-object-not-found");

    [Fact]
    public void A_retired_object_keeps_its_thresholds() => With(Added, Retired)
        .When(state => ProtectedObjectDecider.Decide(state, Change(OwnThresholds)))
        .ThenRejected("protected-object-retired");

    public static TheoryData<string> InvalidThresholds => new("none", "the same vector twice", "no rate", "a rate of nothing", "a negative rate");

    [Theory]
    [MemberData(nameof(InvalidThresholds))]
    public void Thresholds_that_make_no_sense_are_refused(string fault)
    {
        Threshold[] thresholds = fault switch
        {
            "none" => [],
            "the same vector twice" => [new(TrafficVector.Udp, 1, null), new(TrafficVector.Udp, 2, null)],
            "no rate" => [new(TrafficVector.Udp, null, null)],
            "a rate of nothing" => [new(TrafficVector.Udp, 0, 5)],
            _ => [new(TrafficVector.Udp, null, -1)],
        };
        With(Added).When(state => ProtectedObjectDecider.Decide(state, Change(thresholds))).ThenRejected("thresholds-invalid");
    }

    [Fact, Trait("Requirement", "R17")]
    public void A_change_says_who_why_and_what_is_different() => With(new ProtectedObjectAdded(Own, 1, Noon))
        .When(state => ProtectedObjectDecider.Decide(
            state,
            Change([OwnThresholds[0] with { BitsPerSecond = 6_000_000 }, OwnThresholds[1]]) with { By = "operator-7", Reason = "a larger line" }))
        .Then(new ThresholdsChanged(
            Own with { Thresholds = [OwnThresholds[0] with { BitsPerSecond = 6_000_000 }, OwnThresholds[1]], Version = 2 },
            Noon,
            SettingsChangeKind.Thresholds,
            new SettingsChange("operator-7", "a larger line", [new("threshold/host/in/total/bits", "5000000", "6000000")])));

    [Fact, Trait("Requirement", "R17")]
    public void A_past_version_is_restored_as_the_next_one_and_leaves_what_is_the_contracts() => With(
            Added,
            new ThresholdsChanged(Own with { Version = 2 }, Noon),
            new ContractFollowed(Own with { Prefixes = OtherPrefixes, Version = 3, Settings = new ObjectSettings(2_000_000_000) }, 2, Noon))
        .When(state => ProtectedObjectDecider.Decide(state, Restore(version: 1)))
        .Then(Changed(
            Own with { Prefixes = OtherPrefixes, Settings = new ObjectSettings(2_000_000_000) },
            Content with
            {
                Prefixes = OtherPrefixes,
                Thresholds = Threshold.DefaultsFor(2_000_000_000), // what a profile guessed is guessed from what is declared now
                Settings = new ObjectSettings(2_000_000_000, "generic"),
                Version = 4,
            },
            SettingsChangeKind.Restored,
            "operator-7",
            "it was right before"));

    [Fact, Trait("Requirement", "R17")]
    public void The_version_in_force_is_not_restored_again() => With(Added)
        .When(state => ProtectedObjectDecider.Decide(state, Restore(version: 1)))
        .ThenUnchanged();

    [Fact, Trait("Requirement", "R17")]
    public void A_version_that_never_was_cannot_be_restored() => With(Added)
        .When(state => ProtectedObjectDecider.Decide(state, Restore(version: 9)))
        .ThenRejected("version-not-found");

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("long")]
    [InlineData("blank")]
    [Trait("Requirement", "R17")]
    public void What_is_changed_by_hand_needs_a_reason_of_bounded_length(string reason)
    {
        reason = reason switch { "long" => new string('x', 201), "blank" => $"x{new string(' ', 200)}", _ => reason };
        With(Added).When(state => ProtectedObjectDecider.Decide(state, Restore(version: 1) with { Reason = reason })).ThenRejected("reason-invalid");
        With(Added).When(state => ProtectedObjectDecider.Decide(state, Change(OwnThresholds) with { Reason = reason })).ThenRejected("reason-invalid");
        With(Added).When(state => ProtectedObjectDecider.Decide(state, new ChooseProfile(ContractId, "web", null, "a", reason, Noon))).ThenRejected("reason-invalid");
        With(Added).When(state => ProtectedObjectDecider.Decide(state, new ChangeLearning(ContractId, LearningSettings.Default, null, "a", reason, Noon)))
            .ThenRejected("reason-invalid");
        With(Added).When(state => ProtectedObjectDecider.Decide(state, new RaiseThresholds(ContractId, Mark, null, "a", reason, Noon)))
            .ThenRejected("reason-invalid");
    }

    [Fact]
    public void A_profile_brings_its_thresholds_from_the_declared_bandwidth() => With(new ProtectedObjectAdded(Own, 1, Noon))
        .When(state => ProtectedObjectDecider.Decide(state, new ChooseProfile(ContractId, "game", null, "operator-7", "a game", Noon)))
        .Then(Changed(
            Own,
            Own with { Thresholds = ThresholdProfiles.Of("game", 1_000_000_000)!, Settings = new ObjectSettings(1_000_000_000, "game"), Version = 2 },
            SettingsChangeKind.Profile,
            "operator-7",
            "a game"));

    [Fact]
    public void A_profile_that_is_none_is_refused() => With(Added)
        .When(state => ProtectedObjectDecider.Decide(state, new ChooseProfile(ContractId, "casino", null, "operator-7", "a game", Noon)))
        .ThenRejected("profile-unknown");

    [Theory]
    [InlineData(LearningMode.Propose, 1.3, 0.35, "Asia/Tokyo", null)]
    [InlineData(LearningMode.Apply, 1.3, 0.35, "Europe/Berlin", null)]
    [InlineData(LearningMode.Apply, 1.0, 0.35, "Asia/Tokyo", "learning-invalid")]
    [InlineData(LearningMode.Apply, 1.3, 0, "Asia/Tokyo", "learning-invalid")]
    [InlineData(LearningMode.Apply, 1.3, 0.35, "Mars/Olympus", "learning-invalid")]
    [InlineData((LearningMode)(-1), 1.3, 0.35, "Asia/Tokyo", "learning-invalid")]
    internal void Learning_is_set_within_its_bounds(LearningMode mode, double margin, double floor, string zone, string? refusal)
    {
        var learning = new LearningSettings(mode, margin, floor, zone);
        var outcome = With(Added)
            .When(state => ProtectedObjectDecider.Decide(state, new ChangeLearning(ContractId, learning, null, "operator-7", "for a reason", Noon)));
        if (refusal is not null)
        {
            outcome.ThenRejected(refusal);
            return;
        }

        outcome.Then(Changed(
            Content,
            Content with { Settings = Content.Settings! with { Learning = learning }, Version = 2 },
            SettingsChangeKind.Learning,
            "operator-7",
            "for a reason"));
    }

    [Fact]
    public void A_proposal_is_a_floor_for_its_target_and_hours_and_changes_nothing_that_is_set()
    {
        var raised = Own with { Settings = Own.Settings! with { Marked = [Mark] }, Version = 2 };
        var event1 = Changed(Own, raised, SettingsChangeKind.Proposal, "operator-7", "a job");
        With(new ProtectedObjectAdded(Own, 1, Noon)).When(state => ProtectedObjectDecider.Decide(state, Raise(Mark))).Then(event1);
        Assert.Equal(
            [("floor/host/in/total/bits/20-23/203.0.113.1/32", "9000000"), ("floor/host/in/total/packets/20-23/203.0.113.1/32", "700")],
            event1.Change!.Differences.Select(one => (one.What, one.After)));
        With(new ProtectedObjectAdded(Own, 1, Noon), event1).When(state => ProtectedObjectDecider.Decide(state, Raise(Mark) with { At = Noon.AddDays(1) })).ThenUnchanged();

        // More of the same is one floor; of another host, or at another hour, it is another one.
        var more = Mark with { AnomalyId = Customer.NewId(), SeenFrom = Noon.AddDays(1), SeenUntil = Noon.AddDays(1).AddMinutes(5), Least = [new(TrafficVector.Total, 8_000_000, 900)] };
        var raisedMore = raised with
        {
            Settings = raised.Settings! with { Marked = [more with { Since = Noon.AddDays(1), Least = [new(TrafficVector.Total, 9_000_000, 900)] }] }, Version = 3,
        };
        With(new ProtectedObjectAdded(Own, 1, Noon), event1).When(state => ProtectedObjectDecider.Decide(state, Raise(more) with { At = Noon.AddDays(1) }))
            .Then(Changed(raised, raisedMore, SettingsChangeKind.Proposal, "operator-7", "a job") with { ChangedAt = Noon.AddDays(1) });
        var other = Mark with { AnomalyId = Customer.NewId(), SeenFrom = Noon.AddHours(2), SeenUntil = Noon.AddHours(2.1) };
        With(new ProtectedObjectAdded(Own, 1, Noon), event1).When(state => ProtectedObjectDecider.Decide(state, Raise(other)))
            .Then(Changed(raised, raised with { Settings = raised.Settings! with { Marked = [Mark, other] }, Version = 3 }, SettingsChangeKind.Proposal, "operator-7", "a job"));

        MarkedFloor[] full = [.. Enumerable.Range(1, MarkedFloor.Most).Select(host => Mark with { AnomalyId = Customer.NewId(), Target = IPNetwork.Parse($"203.0.113.{host}/32") })];
        var filled = new ThresholdsChanged(Own with { Settings = Own.Settings! with { Marked = full }, Version = 2 }, Noon);
        With(new ProtectedObjectAdded(Own, 1, Noon), filled)
            .When(state => ProtectedObjectDecider.Decide(state, Raise(Mark with { Target = IPNetwork.Parse("203.0.113.99/32") }))).ThenRejected("too-many-floors");
        With(new ProtectedObjectAdded(Own, 1, Noon), filled)
            .When(state => ProtectedObjectDecider.Decide(state, Raise(full[3]))).ThenUnchanged();
    }

    [Fact, Trait("Requirement", "R5")]
    public void A_floor_that_is_not_needed_is_taken_back_by_the_platform_after_four_weeks_and_one_that_somebody_set_is_not()
    {
        var other = Mark with { AnomalyId = Customer.NewId(), Target = null };
        var raised = Own with { Settings = Own.Settings! with { Floors = Mark.Least, Marked = [Mark, other] }, Version = 2 };
        ProtectedObjectEvent[] given = [new ProtectedObjectAdded(Own, 1, Noon), new ThresholdsChanged(raised, Noon)];
        var end = new EndFloor(ContractId, Mark, "nothing came", Noon.AddDays(28));
        var lowered = raised with { Settings = raised.Settings! with { Marked = [other] }, Version = 3 };
        var ended = Changed(raised, lowered, SettingsChangeKind.Unneeded, "platform", "nothing came") with { ChangedAt = Noon.AddDays(28) };

        With(given).When(state => ProtectedObjectDecider.Decide(state, end)).Then(ended);
        Assert.All(ended.Change!.Differences, one => Assert.Null(one.After));
        With(given).When(state => ProtectedObjectDecider.Decide(state, end with { At = Noon.AddDays(27.9) })).ThenUnchanged();
        With(given).When(state => ProtectedObjectDecider.Decide(state, end with { Mark = Mark with { Since = Noon.AddHours(-1) } })).ThenUnchanged(); // it was set anew since
        With([.. given, ended]).When(state => ProtectedObjectDecider.Decide(state, end)).ThenUnchanged();
        With([.. given, Retired]).When(state => ProtectedObjectDecider.Decide(state, end)).ThenUnchanged();

        // A past version that has it puts it in force since now.
        var restored = raised with { Settings = raised.Settings! with { Marked = [Mark with { Since = Noon.AddDays(30) }, other] }, Version = 4 };
        With([.. given, ended]).When(state => ProtectedObjectDecider.Decide(state, Restore(2) with { At = Noon.AddDays(30) }))
            .Then(Changed(lowered, restored, SettingsChangeKind.Restored, "operator-7", "it was right before") with { ChangedAt = Noon.AddDays(30) });
    }

    [Fact, Trait("Requirement", "R26")]
    public void Who_sets_floors_says_which_of_those_out_of_false_anomalies_stay()
    {
        var other = Mark with { AnomalyId = Customer.NewId(), Target = null };
        var raised = Own with { Settings = Own.Settings! with { Marked = [Mark, other] }, Version = 2 };
        ProtectedObjectEvent[] given = [new ProtectedObjectAdded(Own, 1, Noon), new ThresholdsChanged(raised, Noon)];
        var learning = new ChangeLearning(ContractId, LearningSettings.Default with { Margin = 2 }, null, "operator-7", "it was an attack", Noon);

        Then(learning, [Mark, other]);
        Then(learning with { Floors = [] }, null);
        Then(learning with { Floors = [], KeptMarks = [other.AnomalyId] }, [other]);

        void Then(ChangeLearning command, MarkedFloor[]? left) => With(given).When(state => ProtectedObjectDecider.Decide(state, command)).Then(Changed(
            raised,
            raised with { Settings = raised.Settings! with { Learning = command.Learning, Marked = left }, Version = 3 },
            SettingsChangeKind.Learning,
            "operator-7",
            "it was an attack"));
    }

    [Fact, Trait("Requirement", "R26")]
    public void Floors_are_taken_back_and_what_was_guessed_falls_with_them()
    {
        Threshold[] least = [Content.Thresholds[0] with { BitsPerSecond = 62_000_000_000 }];
        var learning = new ChangeLearning(ContractId, LearningSettings.Default, null, "operator-7", "it was an attack", Noon, Floors: []);
        var raised = Content with
        {
            Thresholds = [least[0], .. Content.Thresholds.Skip(1)],
            Settings = Content.Settings! with { Floors = least },
            Version = 2,
        };
        With(Added, new ThresholdsChanged(raised, Noon)).When(state => ProtectedObjectDecider.Decide(state, learning)).Then(Changed(
            raised,
            Content with { Settings = Content.Settings! with { Learning = LearningSettings.Default }, Version = 3 },
            SettingsChangeKind.Learning,
            "operator-7",
            "it was an attack"));
        With(Added, new ThresholdsChanged(raised, Noon))
            .When(state => ProtectedObjectDecider.Decide(state, learning with { Floors = [least[0], least[0]] })).ThenRejected("thresholds-invalid");
        With(Added, new ThresholdsChanged(raised, Noon))
            .When(state => ProtectedObjectDecider.Decide(state, learning with { Floors = null, Learning = LearningSettings.Default with { Margin = 2 } }))
            .Then(Changed(
                raised,
                raised with { Settings = raised.Settings! with { Learning = LearningSettings.Default with { Margin = 2 } }, Version = 3 },
                SettingsChangeKind.Learning,
                "operator-7",
                "it was an attack"));
    }

    [Fact, Trait("Requirement", "R7")]
    public void What_was_learned_is_forgotten_with_a_reason_and_no_past_version_brings_it_back()
    {
        var forget = new ForgetLearned(ContractId, 1, "operator-7", "it was an attack", Noon);
        var forgotten = Content with { Settings = Content.Settings! with { LearnsSince = Noon }, Version = 2 };
        var change = Changed(Content, forgotten, SettingsChangeKind.Forgotten, "operator-7", "it was an attack");
        With(Added).When(state => ProtectedObjectDecider.Decide(state, forget)).Then(change);
        Assert.Equal("learning/since", Assert.Single(change.Change!.Differences).What);

        With(Added, change).When(state => ProtectedObjectDecider.Decide(state, forget)).ThenRejected("thresholds-changed-meanwhile");
        With(Added, change).When(state => ProtectedObjectDecider.Decide(state, forget with { ExpectedVersion = 2, At = Noon.AddHours(1) })).Then(Changed(
            forgotten,
            forgotten with { Settings = forgotten.Settings! with { LearnsSince = Noon.AddHours(1) }, Version = 3 },
            SettingsChangeKind.Forgotten,
            "operator-7",
            "it was an attack") with { ChangedAt = Noon.AddHours(1) });
        With(Added, change).When(state => ProtectedObjectDecider.Decide(state, Restore(1))).ThenUnchanged();
        With(Added).When(state => ProtectedObjectDecider.Decide(state, forget with { Reason = " " })).ThenRejected("reason-invalid");
        With(Added).When(state => ProtectedObjectDecider.Decide(state, forget with { ObjectId = Guid.Empty })).ThenRejected("protected-object-not-found");
    }

    private static readonly MarkedFloor Mark = new(
        Guid.Parse("0190dddd-0000-7000-8000-000000000001"), IPNetwork.Parse("203.0.113.1/32"), Noon, Noon.AddMinutes(15), Noon, [new(TrafficVector.Total, 9_000_000, 700)]);

    private static RaiseThresholds Raise(MarkedFloor mark) => new(ContractId, mark, null, "operator-7", "a job", Noon);

    private static RestoreVersion Restore(long version) => new(ContractId, version, null, "operator-7", "it was right before", Noon);

    private static ThresholdsChanged Changed(
        ObjectContent before,
        ObjectContent after,
        SettingsChangeKind kind = SettingsChangeKind.Thresholds,
        string by = "",
        string reason = Why) => new(after, Noon, kind, new SettingsChange(by, reason, Difference.Between(before, after)));

    private static Spec<ProtectedObjectState, ProtectedObjectEvent> With(params IEnumerable<ProtectedObjectEvent> happened) =>
        Spec.For(ProtectedObjectState.Stream).Given(happened);

    private static FollowContract Contract(long version, IPNetwork[]? prefixes = null) =>
        new(ContractId, "DP00000001", prefixes ?? Prefixes, 1_000_000_000, version, Noon);

    private static ChangeThresholds Change(Threshold[] thresholds, long? expectedVersion = null) =>
        new(ContractId, thresholds, expectedVersion, Noon, Wider: [], Reason: Why);
}
