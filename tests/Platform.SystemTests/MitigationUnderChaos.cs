using Platform.Local.Chaos;

namespace Platform.SystemTests;

/// <summary>A short run of `./platform bench mitigation-chaos`, on a stack of its own.</summary>
[Trait("Requirement", "R197")]
public sealed class MitigationUnderChaos
{
    [Fact]
    public async Task Six_kills_among_twelve_attacks_leave_no_route_too_many_none_too_few_and_streams_that_tell_why()
    {
        var output = TestContext.Current.TestOutputHelper!;
        var result = await new MitigationChaos(seed: 20261121, kills: 6, attacks: 12, output.WriteLine).Run();

        Assert.Empty(result.Wrong);
    }
}
