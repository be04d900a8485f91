using Platform.Reporting.Incidents;
using Platform.Testing;
using static Platform.Reporting.Tests.Incidents.AnIncident;

namespace Platform.Reporting.Tests.Incidents;

public sealed class RecordStepTests
{
    [Fact]
    public void The_first_fact_opens_the_incident() => Spec
        .For(IncidentState.Stream)
        .When(state => IncidentDecider.Decide(state, Detected))
        .Then(Opened(Detected), Recorded(Detected));

    [Fact]
    public void Whichever_fact_comes_first_opens_the_incident() => Spec
        .For(IncidentState.Stream)
        .When(state => IncidentDecider.Decide(state, Announced))
        .Then(Opened(Announced), Recorded(Announced));

    [Fact]
    public void A_further_fact_is_a_further_step() => Spec
        .For(IncidentState.Stream)
        .Given(After(Detected))
        .When(state => IncidentDecider.Decide(state, Grown))
        .Then(Recorded(Grown));

    [Fact]
    public void The_same_message_again_changes_nothing() => Spec
        .For(IncidentState.Stream)
        .Given(After(Detected, Grown))
        .When(state => IncidentDecider.Decide(state, Detected))
        .ThenUnchanged();

    [Fact]
    public void An_attack_that_is_over_is_not_reported_while_its_defence_goes_on() => Spec
        .For(IncidentState.Stream)
        .Given(After(Detected, Announced))
        .When(state => IncidentDecider.Decide(state, Ended))
        .Then(Recorded(Ended));

    [Fact]
    public void A_defence_that_is_over_is_not_reported_while_the_attack_goes_on() => Spec
        .For(IncidentState.Stream)
        .Given(After(Detected, Announced))
        .When(state => IncidentDecider.Decide(state, Defended))
        .Then(Recorded(Defended));

    [Fact]
    [Trait("Requirement", "R3")]
    public void The_report_comes_when_attack_and_defence_are_over_with_the_numbers_of_both() => Spec
        .For(IncidentState.Stream)
        .Given(After(Detected, Grown, Announced, Ended))
        .When(state => IncidentDecider.Decide(state, Defended))
        .Then(Recorded(Defended), Report("defended", Defended.At), Closed(Defended.At));

    [Fact]
    public void A_defence_that_failed_is_reported_as_not_defended() => Spec
        .For(IncidentState.Stream)
        .Given(After(Detected, Failed))
        .When(state => IncidentDecider.Decide(state, Ended))
        .Then(Recorded(Ended), Report("not-defended", Ended.At), Closed(Ended.At));

    [Fact]
    public void What_mitigation_says_of_its_end_counts_more_than_a_failure_before() => Spec
        .For(IncidentState.Stream)
        .Given(After(Detected, Defended, Failed))
        .When(state => IncidentDecider.Decide(state, Ended))
        .Then(Recorded(Ended), Report("defended", Ended.At), Closed(Ended.At));

    [Fact]
    public void What_is_defended_after_a_refusal_is_reported_when_that_defence_is_over()
    {
        Spec.For(IncidentState.Stream).Given(After(Detected, Failed, Started))
            .When(state => IncidentDecider.Decide(state, Ended))
            .Then(Recorded(Ended));
        Spec.For(IncidentState.Stream).Given(After(Detected, Failed, Started, Ended))
            .When(state => IncidentDecider.Decide(state, Defended))
            .Then(Recorded(Defended), Report("defended", Defended.At), Closed(Defended.At));
    }

    [Fact]
    public void A_defence_that_begins_anew_is_reported_with_its_last_end_whatever_is_heard_first()
    {
        var firstEnd = Step(10, IncidentSteps.MitigationEnded, Noon.AddMinutes(3), new IncidentFindings(MitigationResult: "not-helped"));
        var again = Step(11, IncidentSteps.MitigationStarted, Noon.AddMinutes(5), IncidentFindings.None);
        foreach (var order in (RecordStep[][])[[Started, firstEnd, again], [Started, again, firstEnd], [again, firstEnd, Started], [firstEnd, again, Started]])
        {
            Spec.For(IncidentState.Stream).Given(After([Detected, .. order]))
                .When(state => IncidentDecider.Decide(state, Ended))
                .Then(Recorded(Ended));
            Spec.For(IncidentState.Stream).Given(After([Detected, .. order, Ended]))
                .When(state => IncidentDecider.Decide(state, Defended))
                .Then(Recorded(Defended), Report("defended", Defended.At), Closed(Defended.At));
        }
    }

    [Fact]
    public void A_refused_attack_that_a_person_defends_is_reported_with_the_end_of_that()
    {
        Spec.For(IncidentState.Stream).Given(After(Detected, Failed, StartedByHand))
            .When(state => IncidentDecider.Decide(state, Ended))
            .Then(Recorded(Ended));
        Spec.For(IncidentState.Stream).Given(After(Detected, Failed, StartedByHand, Ended))
            .When(state => IncidentDecider.Decide(state, EndedByHand))
            .Then(Recorded(EndedByHand), Report("defended", EndedByHand.At), Closed(EndedByHand.At));
        Spec.For(IncidentState.Stream).Given(After(Detected, EndedByHand, StartedByHand, Failed)) // the end of it is heard first
            .When(state => IncidentDecider.Decide(state, Ended))
            .Then(Recorded(Ended), Report("defended", Ended.At), Closed(Ended.At));
    }

    [Theory]
    [InlineData("defended", "not-helped", "defended")]
    [InlineData("not-helped", "defended", "defended")]
    [InlineData("not-defended", "not-helped", "not-helped")]
    [InlineData("not-helped", "not-defended", "not-helped")]
    [InlineData("of-a-later-release", "defended", "of-a-later-release")]
    public void Of_several_defences_the_best_is_reported(string ofTheRules, string byHand, string reported)
    {
        var told = Defended with { Findings = new IncidentFindings(MitigationResult: ofTheRules) };
        Spec.For(IncidentState.Stream)
            .Given(After(Detected, StartedByHand, EndedByHand with { Findings = EndedByHand.Findings with { MitigationResult = byHand } }, Ended))
            .When(state => IncidentDecider.Decide(state, told))
            .Then(Recorded(told), Report(reported, told.At), Closed(told.At));
    }

    [Theory]
    [Trait("Requirement", "R31")]
    [MemberData(nameof(EveryOrder))]
    public void In_whatever_order_the_facts_come_there_is_one_report_and_it_says_the_same(int[] order)
    {
        RecordStep[] facts = [Detected, Grown, Announced, Ended, Defended];

        var happened = After([.. order.Select(index => facts[index])]);

        var report = Assert.Single(happened.OfType<IncidentReportPublished>());
        Assert.Equal(Report("defended", report.PublishedAt), report);
        Assert.Single(happened.OfType<IncidentClosed>());
        Assert.Equal(facts.Length, happened.OfType<IncidentStepRecorded>().Count());
    }

    [Fact]
    public void A_fact_that_comes_after_the_report_is_marked_late_and_the_report_stays() => Spec
        .For(IncidentState.Stream)
        .Given(After(Detected, Ended, Defended))
        .When(state => IncidentDecider.Decide(state, Announced))
        .Then(Recorded(Announced, late: true));

    public static TheoryData<int[]> EveryOrder() => [.. Permutations([0, 1, 2, 3, 4])];

    private static IEnumerable<int[]> Permutations(int[] rest) => rest.Length == 0
        ? [[]]
        : rest.SelectMany(first => Permutations([.. rest.Where(other => other != first)]).Select(tail => (int[])[first, .. tail]));
}
