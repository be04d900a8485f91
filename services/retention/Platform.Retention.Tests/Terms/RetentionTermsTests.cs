using Microsoft.Extensions.DependencyInjection;
using Platform.Retention.Terms;

namespace Platform.Retention.Tests.Terms;

public sealed class RetentionTermsTests(ARetentionService service) : IClassFixture<ARetentionService>
{
    [Fact]
    [Trait("Requirement", "R14")]
    public async Task The_DDoS_service_erases_two_classes_after_two_months_and_keeps_the_two_residual_ones()
    {
        var terms = await Terms.Of("ddos", TestContext.Current.CancellationToken);

        Assert.Equal(
            [
                new("ddos", "customer", "erase", 2),
                new("ddos", "incident", "erase", 2),
                new("ddos", "residual-configuration", "keep", null),
                new("ddos", "residual-detection", "keep", null),
            ],
            terms.OrderBy(term => term.DataClass, StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_service_without_terms_is_a_fault_that_a_person_must_see() => await Assert.ThrowsAsync<InvalidOperationException>(
        () => Terms.Of("unheard-of", TestContext.Current.CancellationToken));

    private RetentionTerms Terms => service.Host.Services.GetRequiredService<RetentionTerms>();
}
