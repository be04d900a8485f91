using System.Collections.Concurrent;
using System.Security.Claims;
using Grpc.Core;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.Extensions.Options;
using Platform.Contracts.Grpc.Accounts.V1;
using Platform.Gateway.Downstream;

namespace Platform.Gateway.Sessions;

/// <summary>
/// Asks accounts whether the operator of a session may still act, and as what, at most every few seconds. What is believed is dropped at
/// once when the operator's deletion is announced. While accounts does not answer, nobody is believed.
/// </summary>
internal sealed class SessionCheck(AccountsBeforeSignIn accounts, IOptions<SessionsOptions> options, TimeProvider clock)
{
    private const int Most = 10_000;
    private readonly ConcurrentDictionary<string, (Operator? Person, DateTimeOffset AskedAt)> _believed = new();

    /// <summary>The operator as known now; null when deleted.</summary>
    public async Task<Operator?> Ask(string operatorId, CancellationToken cancellationToken)
    {
        var now = clock.GetUtcNow();
        if (_believed.TryGetValue(operatorId, out var known) && now - known.AskedAt < options.Value.RecheckAfter)
        {
            return known.Person;
        }

        var person = await Fetch(operatorId, cancellationToken);
        if (_believed.Count >= Most)
        {
            _believed.Clear();
        }

        _believed[operatorId] = (person, now);
        return person;
    }

    /// <summary>What was believed of this operator is out of date.</summary>
    public void Forget(string operatorId) => _believed.TryRemove(operatorId, out _);

    /// <summary>Runs for each request with a cookie: a deleted operator's session is over, a changed role holds from now on.</summary>
    public static async Task Validate(CookieValidatePrincipalContext context)
    {
        var check = context.HttpContext.RequestServices.GetRequiredService<SessionCheck>();
        var id = context.Principal!.Required(ClaimTypes.NameIdentifier);
        if (await check.Ask(id, context.HttpContext.RequestAborted) is { } person)
        {
            context.ReplacePrincipal(SessionCookie.PrincipalOf(person));
            return;
        }

        context.RejectPrincipal();
        await context.HttpContext.SignOutAsync(SessionCookie.Scheme);
    }

    private async Task<Operator?> Fetch(string operatorId, CancellationToken cancellationToken)
    {
        try
        {
            var answer = await accounts.Operators.GetOperatorAsync(
                new GetOperatorRequest { OperatorId = operatorId }, cancellationToken: cancellationToken);
            return answer.Operator;
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.NotFound)
        {
            return null;
        }
    }
}
