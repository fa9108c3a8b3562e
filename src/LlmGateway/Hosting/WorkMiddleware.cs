namespace LlmGateway.Hosting;

/// <summary>Marks endpoints whose requests count as <see cref="Work"/>.</summary>
internal sealed class CountsAsWork
{
    public static readonly CountsAsWork Metadata = new();
}

/// <summary>Lets a request in, if there is room for it, before anything of it is read.</summary>
internal sealed class WorkMiddleware(RequestDelegate next, Work work)
{
    public Task InvokeAsync(HttpContext context) =>
        context.GetEndpoint()?.Metadata.GetMetadata<CountsAsWork>() is null ? next(context) : CountedAsync(context);

    private async Task CountedAsync(HttpContext context)
    {
        if (work.IsDraining) context.Response.Headers.Connection = "close";
        work.Enter();
        try
        {
            await next(context);
        }
        finally
        {
            work.Exit();
        }
    }
}
