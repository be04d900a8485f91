using Platform.EventStore;

namespace Platform.Accounts.Operators;

/// <param name="OperatorId">Identity of the new operator.</param>
/// <param name="OfProvider">Whether the tenant is the provider itself, which has roles of its own.</param>
/// <param name="Role">What the operator may do.</param>
/// <param name="At">When.</param>
internal sealed record RegisterOperator(Guid OperatorId, bool OfProvider, string Role, DateTimeOffset At);

internal sealed record DeleteOperator(Guid OperatorId, DateTimeOffset At);

/// <summary>Too many wrong passwords.</summary>
internal sealed record LockOperator(Guid OperatorId, DateTimeOffset At, DateTimeOffset Until);

/// <summary>The tenant's last contract was erased, and its people with it.</summary>
internal sealed record DismissOperators(DateTimeOffset At);

/// <summary>The rules of who acts for a tenant.</summary>
internal static class OperatorsDecider
{
    public static Decision<OperatorEvent> Decide(OperatorsState current, RegisterOperator command)
    {
        var allowed = command.OfProvider ? OperatorRoles.OfProvider : OperatorRoles.OfCustomers;
        if (!allowed.Contains(command.Role))
        {
            return OperatorRejections.RoleInvalid(command.Role, allowed);
        }

        return current.Roles.ContainsKey(command.OperatorId)
            ? Decision<OperatorEvent>.Unchanged
            : new OperatorRegistered(command.OperatorId, command.Role, command.At);
    }

    public static Decision<OperatorEvent> Decide(OperatorsState current, DeleteOperator command)
    {
        if (current.Deleted.Contains(command.OperatorId))
        {
            return Decision<OperatorEvent>.Unchanged;
        }

        if (!current.Roles.TryGetValue(command.OperatorId, out var role))
        {
            return OperatorRejections.NotFound();
        }

        // Whoever may register others: without one, nobody of the tenant could ever act as administrator again.
        var administers = role is OperatorRoles.Administrator or OperatorRoles.ProviderOperator;
        return administers && current.Roles.Values.Count(other => other == role) == 1
            ? OperatorRejections.LastAdministrator()
            : new OperatorDeleted(command.OperatorId, command.At);
    }

    public static Decision<OperatorEvent> Decide(OperatorsState current, LockOperator command) =>
        current.Roles.ContainsKey(command.OperatorId)
            ? new OperatorLocked(command.OperatorId, command.At, command.Until)
            : OperatorRejections.NotFound();

    public static Decision<OperatorEvent> Decide(OperatorsState current, DismissOperators command) =>
        current.Roles.Keys.Order().Select(id => (OperatorEvent)new OperatorDeleted(id, command.At)).ToArray();
}
