using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Platform.Gateway.Problems;

/// <summary>The body of every refusal and failure: RFC 9457, with a public code in its type.</summary>
internal static class Problem
{
    public const string TypePrefix = "urn:platform:problem:";

    private static readonly Dictionary<int, (string Code, string Title)> ByStatus = new()
    {
        [400] = ("malformed-request", "The request cannot be read."),
        [401] = ("not-signed-in", "Nobody is signed in."),
        [403] = ("not-allowed", "The signed-in operator may not do this."),
        [404] = ("not-found", "There is nothing here, or not for you."),
        [405] = ("method-not-allowed", "This address does not take this method."),
        [409] = ("conflict", "This cannot be done in the present state."),
        [412] = ("changed-meanwhile", "Someone was faster: read it again."),
        [413] = ("request-too-large", "The request is too large."),
        [415] = ("unsupported-media-type", "Send application/json."),
        [422] = ("refused", "The content breaks a rule."),
        [429] = ("too-many-sign-ins", "Too many attempts to sign in from this address."),
        [500] = ("internal-error", "Something broke on our side; the trace id finds it."),
        [503] = ("service-unavailable", "A part of the service does not answer at the moment."),
    };

    /// <summary>The problem of a status that nobody said more about.</summary>
    public static ProblemHttpResult Of(int status, string? detail = null)
    {
        var (code, title) = ByStatus.GetValueOrDefault(status, ("http-" + status, "The request was refused."));
        return Of(status, code, title, detail);
    }

    public static ProblemHttpResult Of(int status, string code, string title, string? detail) =>
        TypedResults.Problem(new ProblemDetails { Status = status, Type = TypePrefix + code, Title = title, Detail = detail });
}
