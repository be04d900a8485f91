using Platform.Accounts.Operators;
using Platform.EventStore;
using Platform.Hosting;
using Platform.Testing;

namespace Platform.Accounts.Tests.Operators;

public sealed class OperatorsDeciderTests
{
    private static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly Guid Aoi = Guid.Parse("0190eeee-0000-7000-8000-000000000001");
    private static readonly Guid Ren = Guid.Parse("0190eeee-0000-7000-8000-000000000002");
    private static readonly OperatorRegistered AoiAdministers = new(Aoi, Roles.Administrator, Noon);

    [Theory]
    [InlineData(Roles.Administrator, false)]
    [InlineData(Roles.Operator, false)]
    [InlineData(Roles.Viewer, false)]
    [InlineData(Roles.ProviderOperator, true)]
    [InlineData(Roles.ProviderMaintainer, true)]
    [InlineData(Roles.ProviderAuditor, true)]
    public void An_operator_is_registered_with_a_role_of_the_kind_of_tenant_and_no_other(string role, bool ofProvider)
    {
        Spec.For(OperatorsState.Stream)
            .When(state => OperatorsDecider.Decide(state, new RegisterOperator(Aoi, ofProvider, role, Noon)))
            .Then(new OperatorRegistered(Aoi, role, Noon));
        Spec.For(OperatorsState.Stream)
            .When(state => OperatorsDecider.Decide(state, new RegisterOperator(Aoi, !ofProvider, role, Noon)))
            .ThenRejected("role-invalid");
    }

    [Fact]
    public void The_gateways_own_role_is_for_nobody() => Spec
        .For(OperatorsState.Stream)
        .When(state => OperatorsDecider.Decide(state, new RegisterOperator(Aoi, OfProvider: true, Roles.Gateway, Noon)))
        .ThenRejected("role-invalid");

    [Fact]
    public void An_operator_who_is_there_is_not_registered_again() => Spec
        .For(OperatorsState.Stream)
        .Given(AoiAdministers)
        .When(state => OperatorsDecider.Decide(state, new RegisterOperator(Aoi, false, Roles.Viewer, Noon)))
        .ThenUnchanged();

    [Fact]
    [Trait("Requirement", "R161")]
    public void The_last_administrator_cannot_be_deleted()
    {
        Decision<OperatorEvent> DeleteAoi(OperatorsState state) => OperatorsDecider.Decide(state, new DeleteOperator(Aoi, Noon.AddHours(1)));

        Spec.For(OperatorsState.Stream).Given(AoiAdministers).When(DeleteAoi).ThenRejected("last-administrator");
        Spec.For(OperatorsState.Stream).Given(AoiAdministers, new OperatorRegistered(Ren, Roles.Viewer, Noon))
            .When(DeleteAoi).ThenRejected("last-administrator");
        Spec.For(OperatorsState.Stream).Given(AoiAdministers, new OperatorRegistered(Ren, Roles.Administrator, Noon))
            .When(DeleteAoi).Then(new OperatorDeleted(Aoi, Noon.AddHours(1)));
    }

    [Fact]
    public void The_last_provider_operator_cannot_be_deleted() => Spec
        .For(OperatorsState.Stream)
        .Given(new OperatorRegistered(Aoi, Roles.ProviderOperator, Noon), new OperatorRegistered(Ren, Roles.ProviderAuditor, Noon))
        .When(state => OperatorsDecider.Decide(state, new DeleteOperator(Aoi, Noon)))
        .ThenRejected("last-administrator");

    [Fact]
    public void Others_are_deleted_once()
    {
        var deleted = new OperatorDeleted(Ren, Noon.AddHours(1));
        Spec.For(OperatorsState.Stream).Given(AoiAdministers, new OperatorRegistered(Ren, Roles.Viewer, Noon))
            .When(state => OperatorsDecider.Decide(state, new DeleteOperator(Ren, Noon.AddHours(1))))
            .Then(deleted);
        Spec.For(OperatorsState.Stream).Given(AoiAdministers, new OperatorRegistered(Ren, Roles.Viewer, Noon), deleted)
            .When(state => OperatorsDecider.Decide(state, new DeleteOperator(Ren, Noon.AddHours(2))))
            .ThenUnchanged();
    }

    [Fact]
    public void Nobody_cannot_be_deleted_or_locked()
    {
        Spec.For(OperatorsState.Stream).Given(AoiAdministers)
            .When(state => OperatorsDecider.Decide(state, new DeleteOperator(Ren, Noon))).ThenRejected("operator-not-found");
        Spec.For(OperatorsState.Stream).Given(AoiAdministers)
            .When(state => OperatorsDecider.Decide(state, new LockOperator(Ren, Noon, Noon))).ThenRejected("operator-not-found");
    }

    [Fact]
    [Trait("Requirement", "R21")]
    public void A_lock_is_on_record() => Spec
        .For(OperatorsState.Stream)
        .Given(AoiAdministers)
        .When(state => OperatorsDecider.Decide(state, new LockOperator(Aoi, Noon, Noon.AddMinutes(15))))
        .Then(new OperatorLocked(Aoi, Noon, Noon.AddMinutes(15)));

    [Fact]
    public void With_the_last_contract_everybody_goes_the_last_administrator_too()
    {
        Spec.For(OperatorsState.Stream).Given(AoiAdministers, new OperatorRegistered(Ren, Roles.Viewer, Noon))
            .When(state => OperatorsDecider.Decide(state, new DismissOperators(Noon.AddDays(1))))
            .Then(new OperatorDeleted(Aoi, Noon.AddDays(1)), new OperatorDeleted(Ren, Noon.AddDays(1)));
        Spec.For(OperatorsState.Stream)
            .When(state => OperatorsDecider.Decide(state, new DismissOperators(Noon)))
            .ThenUnchanged();
    }

    [Fact]
    public void Every_role_here_is_a_role_of_the_platform() =>
        Assert.Equal(
            [Roles.Administrator, Roles.Operator, Roles.Viewer, Roles.ProviderOperator, Roles.ProviderMaintainer, Roles.ProviderAuditor],
            OperatorRoles.OfCustomers.Concat(OperatorRoles.OfProvider));
}
