using Platform.Reporting.Incidents;
using Platform.Testing;
using static Platform.Reporting.Tests.Incidents.AnIncident;

namespace Platform.Reporting.Tests.Incidents;

public sealed class ReportWithoutMitigationTests
{
    private static readonly TimeSpan Grace = TimeSpan.FromMinutes(5);

    [Fact]
    public void An_attack_that_mitigation_never_spoke_of_is_reported_when_the_grace_has_passed() => Spec
        .For(IncidentState.Stream)
        .Given(After(Detected, Ended))
        .When(At(Ended.At + Grace))
        .Then(Report("none", Ended.At + Grace), Closed(Ended.At + Grace));

    [Fact]
    public void Within_the_grace_nothing_is_reported() => Spec
        .For(IncidentState.Stream)
        .Given(After(Detected, Ended))
        .When(At(Ended.At + Grace - TimeSpan.FromTicks(1)))
        .ThenUnchanged();

    [Fact]
    public void The_grace_counts_from_the_later_of_detection_and_end_whichever_is_heard_last()
    {
        var heardLate = Detected with { At = Ended.At.AddHours(1) };
        Spec.For(IncidentState.Stream)
            .Given(After(Ended, heardLate))
            .When(At(Ended.At + Grace))
            .ThenUnchanged();
    }

    [Fact]
    public void A_word_of_mitigation_means_waiting_for_its_end() => Spec
        .For(IncidentState.Stream)
        .Given(After(Detected, Announced, Ended))
        .When(At(Ended.At.AddDays(1)))
        .ThenUnchanged();

    [Fact]
    public void An_attack_that_goes_on_is_not_reported() => Spec
        .For(IncidentState.Stream)
        .Given(After(Detected))
        .When(At(Noon.AddDays(1)))
        .ThenUnchanged();

    [Fact]
    public void A_report_is_published_once() => Spec
        .For(IncidentState.Stream)
        .Given(After(Detected, Ended))
        .Given(Report("none", Ended.At + Grace), Closed(Ended.At + Grace))
        .When(At(Ended.At + Grace + Grace))
        .ThenUnchanged();

    private static Func<IncidentState, EventStore.Decision<IncidentEvent>> At(DateTimeOffset now) =>
        state => IncidentDecider.Decide(state, new ReportWithoutMitigation(Grace, now));
}
