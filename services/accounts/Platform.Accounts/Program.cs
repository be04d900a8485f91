using Platform.Accounts;
using Platform.Hosting;

var builder = WebApplication.CreateBuilder(args);
builder.AddPlatform("accounts"); // telemetry, health, callers, clock
builder.AddAccounts(); // streams, views, credentials, facts, questions

var app = builder.Build();
app.MapPlatform();
app.MapAccounts();
return await app.RunPlatformAsync(args);
